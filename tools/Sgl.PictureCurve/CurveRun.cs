using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Sgl.Evaluation;

namespace Sgl.PictureCurve;

/// <summary>One answer.</summary>
internal sealed record CurveAnswer(string Method, string Image, string Kind, double Score, double VisualTokens);

/// <summary>Asks every question with every method, and writes what comes of it: <c>pictures.json</c>, <c>pictures.csv</c> and <c>pictures.svg</c>.</summary>
internal sealed class CurveRun(CurveServices services, string data, int every)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly Benchmark _benchmark = Benchmarks.Named("synthetic");
    private readonly ConcurrentBag<CurveAnswer> _answers = [];

    public async Task RunAsync(string folder, CancellationToken cancellationToken)
    {
        // Whole pages: questions on one page are drawn together.
        var questions = _benchmark.Read(data).Questions.GroupBy(q => q.Image.Name).Where((_, i) => i % every == 0).SelectMany(g => g).ToList();
        var done = 0;
        await Parallel.ForEachAsync(questions, new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = cancellationToken }, async (question, token) =>
        {
            await AskAsync(question, token);
            if (Interlocked.Increment(ref done) % 10 == 0)
            {
                Console.WriteLine($"{done} of {questions.Count}");
            }
        });
        Write(folder, questions.Count);
    }

    private async Task AskAsync(EvaluationQuestion question, CancellationToken cancellationToken)
    {
        var image = new Wire.Image { Data = ByteString.CopyFrom(await question.Image.ReadAsync(cancellationToken)) };
        var message = new Wire.ChatMessage { Role = Wire.ChatRole.User, Parts = { new Wire.ChatPart { Text = question.Text } } };
        var sampling = new Wire.Sampling { MaxNewTokens = question.MaxNewTokens };
        var (layout, importance) = (new Wire.PromptLayout(), new Wire.Importance());
        using (var small = services.Small.Generate(new Wire.SmallServiceGenerateRequest { Images = { image }, Messages = { message }, Sampling = sampling }, cancellationToken: cancellationToken))
        {
            await foreach (var e in small.ResponseStream.ReadAllAsync(cancellationToken))
            {
                layout = e.Layout ?? layout;
                importance = e.Completed?.Importance ?? importance;
            }
        }

        foreach (var method in CurveMethod.All)
        {
            using var call = (method.IsBridged ? services.Bridge : services.Large).Generate(cancellationToken: cancellationToken);
            await call.RequestStream.WriteAsync(
                new() { Input = new Wire.LargeInput { Images = { image }, Messages = { message }, Sampling = sampling }, Guidance = method.Guidance(layout, importance) }, cancellationToken);
            await call.RequestStream.CompleteAsync();
            var retention = 1.0;
            await foreach (var e in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                retention = e.Accepted?.AverageRetention ?? retention;
                if (e.Completed is { } completed)
                {
                    // By the engine's own usage; in the layers, the mean over them.
                    var tokens = method.IsBridged ? completed.Usage.KeptVisualTokenCount : retention * completed.Usage.VisualTokenCount;
                    _answers.Add(new CurveAnswer(method.Key, question.Image.Name, question.Kind ?? "", _benchmark.Metric.Score(completed.Answer, question.Reference) ?? 0, tokens));
                }
            }
        }
    }

    private void Write(string folder, int questions)
    {
        Directory.CreateDirectory(folder);
        var kinds = _answers.Select(a => a.Kind).Distinct().Order(StringComparer.Ordinal).ToList();
        var table = new Table("Accuracy against visual tokens", ["curve", "setting", "visual tokens", "accuracy", "low", "high", .. kinds]);
        var points = new List<object>();
        foreach (var method in CurveMethod.All)
        {
            var own = _answers.Where(a => a.Method == method.Key).ToList();
            var accuracy = Accuracy(own);
            var tokens = own.Average(a => a.VisualTokens);
            var byKind = kinds.ToDictionary(k => k, k => 100 * own.Where(a => a.Kind == k).Average(a => a.Score));
            table.Add([method.Curve, method.Setting, Number(tokens), Number(accuracy.Value), Number(accuracy.Low), Number(accuracy.High), .. kinds.Select(k => Number(byKind[k]))]);
            points.Add(new { curve = method.Curve, setting = method.Setting, visual_tokens = tokens, accuracy = accuracy.Value, low = accuracy.Low, high = accuracy.High, kinds = byKind });
        }

        File.WriteAllText(Path.Combine(folder, "pictures.csv"), table.ToCsv());
        File.WriteAllText(
            Path.Combine(folder, "pictures.json"),
            JsonSerializer.Serialize(new { benchmark = "synthetic", questions, small = "sgl-demo-small", large = "sgl-demo-large behind its own HTTP API", points }, Indented) + "\n");
        Plot(questions).Write(folder, "pictures");
        Console.WriteLine(table.ToMarkdown());
    }

    private Plot Plot(int questions) => new(
        $"Accuracy against visual tokens, {questions} questions", new("visual tokens per question, by the engine's own usage"), new("right answers, %"),
        [.. CurveMethod.All.GroupBy(m => m.Curve).Select(g => new PlotSeries(g.Key, [.. g.Select(m =>
        {
            var own = _answers.Where(a => a.Method == m.Key).ToList();
            var accuracy = Accuracy(own);
            return new PlotPoint(own.Average(a => a.VisualTokens), accuracy.Value, accuracy.Low, accuracy.High, m.Setting);
        }).OrderBy(p => p.X)]))]);

    private static Estimate Accuracy(List<CurveAnswer> answers)
    {
        var pages = answers.GroupBy(a => a.Image, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => g.Select(a => a.Score).ToArray()).ToList();
        return Bootstrap.Interval(pages.Count, drawn => 100 * drawn.Sum(i => pages[i].Sum()) / drawn.Sum(i => pages[i].Length));
    }

    private static string Number(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);
}
