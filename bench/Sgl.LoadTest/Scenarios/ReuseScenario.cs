using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>
/// Ten questions about one page through the router, one after the other, against ten first questions about pages of their own. Goal: a quarter of the time of the models'
/// processes and the router's. The threshold lets about six of ten exit, found on pages that are not counted.
/// </summary>
internal sealed class ReuseScenario : IScenario
{
    private const int Asked = 10;
    private const double ExitShare = 0.6;

    private static readonly string[] Questions =
    [
        "What shape is black?", "What shape is orange?", "What shape is blue?", "How many shapes are there?", "What is left of the black shape?",
        "What color is the circle?", "Is there a red shape?", "What shape is at the top?", "What color is the largest shape?", "What shape is green?",
    ];

    public string Name => "reuse";

    public string Summary => "ten questions about one page at the router, against ten about a page each";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        await using var trio = await ServiceTrio.StartAsync(options, cancellationToken: cancellationToken);
        var client = new RouterService.RouterServiceClient(trio.RouterChannel);
        var threshold = await ThresholdAsync(client, options, cancellationToken);
        var rounds = Math.Max(1, options.Rounds);
        var pages = new Queue<ByteString>(Pictures.Distinct((1 + rounds) * (1 + Asked), options.Seed, options.Size));
        var (one, each) = (new Sum(), new Sum());
        for (var round = -1; round < rounds; round++)
        {
            if (round == 0)
            {
                // Until here everything was compiled and grown for the first time.
                (one, each) = (new Sum(), new Sum());
            }

            var page = pages.Dequeue();
            await AddAsync(one, () => page);
            await AddAsync(each, pages.Dequeue);
        }

        section.Note("questions about one page", one.Questions);
        section.Note("of them exits", one.Exits);
        section.Note("exits among first questions", each.Exits);
        section.Note("tokens not run again, of all prompt tokens", one.CachedTokens / (double)one.PromptTokens);
        section.Note("ms a question about one page", one.Wall.TotalMilliseconds / one.Questions);
        section.Note("ms a first question", each.Wall.TotalMilliseconds / each.Questions);
        section.Note("ten about one page / ten first questions, clock", one.Wall / each.Wall);
        section.Expect("ten about one page / ten first questions, processor time", one.Processor / each.Processor, most: 0.25);

        async Task AddAsync(Sum sum, Func<ByteString> page)
        {
            var (started, before) = (Stopwatch.GetTimestamp(), Used());
            for (var i = 0; i < Asked; i++)
            {
                sum.Add(await AskAsync(client, page(), Questions[i], threshold, cancellationToken));
            }

            sum.Wall += Stopwatch.GetElapsedTime(started);
            sum.Processor += Used() - before;
        }

        TimeSpan Used() => trio.Smalls[0].CpuTime + trio.Larges[0].CpuTime + trio.Router.CpuTime;
    }

    /// <summary>The decision score that so many of ten questions about a page reach.</summary>
    private static async Task<double> ThresholdAsync(RouterService.RouterServiceClient client, LoadOptions options, CancellationToken cancellationToken)
    {
        var page = Pictures.Distinct(1, options.Seed + 1, options.Size)[0];
        var scores = new List<double>();
        foreach (var question in Questions)
        {
            scores.Add((await AskAsync(client, page, question, 0, cancellationToken)).Decision!.Scores.Decision);
        }

        scores.Sort();
        return scores[(int)Math.Round((1 - ExitShare) * scores.Count)];
    }

    private static async Task<Asking> AskAsync(RouterService.RouterServiceClient client, ByteString page, string question, double threshold, CancellationToken cancellationToken)
    {
        var request = new AnswerRequest { Policy = new RoutingPolicy { Threshold = threshold }, Sampling = new Sampling { MaxNewTokens = 10 }, OmitImportance = true };
        request.Images.Add(new Image { Data = page });
        request.Messages.Add(new ChatMessage { Role = ChatRole.User, Parts = { new ChatPart { Text = question } } });
        var asking = new Asking();
        using var call = client.Answer(request, deadline: DateTime.UtcNow.AddMinutes(10), cancellationToken: cancellationToken);
        await foreach (var message in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            asking = message.EventCase switch
            {
                AnswerResponse.EventOneofCase.Decision => asking with { Decision = message.Decision },
                AnswerResponse.EventOneofCase.Completed => asking with { Completed = message.Completed },
                _ => asking,
            };
        }

        return asking.Completed is null ? throw new InvalidOperationException("the stream ended without an answer") : asking;
    }

    private sealed record Asking
    {
        public Decision? Decision { get; init; }

        public AnswerCompleted? Completed { get; init; }
    }

    /// <summary>What several questions cost.</summary>
    private sealed class Sum
    {
        public int Questions { get; private set; }

        public int Exits { get; private set; }

        public long CachedTokens { get; private set; }

        public long PromptTokens { get; private set; }

        public TimeSpan Wall { get; set; }

        public TimeSpan Processor { get; set; }

        public void Add(Asking asking)
        {
            Questions++;
            Exits += asking.Completed!.Path == AnswerPath.Exit ? 1 : 0;
            foreach (var run in new[] { asking.Completed.Small, asking.Completed.Large })
            {
                CachedTokens += run?.Usage.CachedPromptTokenCount ?? 0;
                PromptTokens += run?.Usage.PromptTokenCount ?? 0;
            }
        }
    }
}
