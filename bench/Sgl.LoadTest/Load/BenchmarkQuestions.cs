using Google.Protobuf;
using Sgl.Evaluation;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>Questions from all over a benchmark, with their pages.</summary>
internal sealed class BenchmarkQuestions
{
    private readonly Dataset _dataset;
    private readonly Dictionary<string, ByteString> _pages = [];

    private BenchmarkQuestions(Dataset dataset, EvaluationQuestion[] all) => (_dataset, All) = (dataset, all);

    public EvaluationQuestion[] All { get; }

    /// <summary>Reads some of a benchmark's. Questions about a page stand together; taken from all over, each page is met once or twice.</summary>
    public static async Task<BenchmarkQuestions> ReadAsync(string folder, int count, CancellationToken cancellationToken)
    {
        var dataset = Benchmarks.Named("synthetic").Read(folder);
        var step = Math.Max(1, dataset.Questions.Count / count);
        var questions = new BenchmarkQuestions(dataset, [.. dataset.Questions.Where((_, i) => i % step == 0).Take(count)]);
        foreach (var question in questions.All)
        {
            questions._pages[question.Image.Name] = ByteString.CopyFrom(await question.Image.ReadAsync(cancellationToken));
        }

        return questions;
    }

    /// <summary>A question as the benchmark asks it.</summary>
    public AnswerRequest Request(int number, RoutingPolicy policy)
    {
        var question = All[number];
        return new AnswerRequest
        {
            Policy = policy,
            Sampling = new Sampling { MaxNewTokens = question.MaxNewTokens },
            ImageLimits = new ImageLimits { MaxTileCount = question.MaxTiles },
            OmitImportance = true,
            Images = { new Image { Data = _pages[question.Image.Name] } },
            Messages = { new ChatMessage { Role = ChatRole.User, Parts = { new ChatPart { Text = question.Text } } } },
        };
    }

    /// <summary>1 where an answer is right.</summary>
    public double Score(int number, string answer) => _dataset.Benchmark.Metric.Score(answer, All[number].Reference) ?? 0;
}
