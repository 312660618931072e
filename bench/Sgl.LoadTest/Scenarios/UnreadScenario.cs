using System.Diagnostics;
using Google.Protobuf;
using Sgl.TestKit;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>Clients that ask and never read: they fill all places of the router. Goals: the places are free soon after the write timeout, and others are answered.</summary>
internal sealed class UnreadScenario : IScenario
{
    private const int Places = 6;

    // More than the server buffers of an answer.
    private const int Tokens = 1000;

    private static readonly TimeSpan WriteTimeout = TimeSpan.FromSeconds(3);

    public string Name => "unread";

    public string Summary => "six unread answers in a router of six places, then a seventh question";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        await using var trio = await ServiceTrio.StartAsync(
            options, settings: [$"router:Router:MaxConcurrentRequests={Places}", $"router:Calls:WriteTimeout={WriteTimeout}"], cancellationToken: cancellationToken);

        var question = new AnswerRequest { Sampling = new Sampling { MaxNewTokens = Tokens, MinNewTokens = Tokens } };
        question.Messages.Add(new ChatMessage { Role = ChatRole.User, Parts = { new ChatPart { Text = "What is the code in the blue box?" } } });
        var unread = new List<UnreadCall>();
        for (var i = 0; i < Places; i++)
        {
            unread.Add(await UnreadCall.AskAsync(trio.Router.Grpc, "/sgl.v1.RouterService/Answer", question.ToByteArray(), cancellationToken));
        }

        var started = Stopwatch.GetTimestamp();
        var (held, most) = (0.0, 0.0);
        do
        {
            held = await trio.Router.MetricAsync("sgl_requests_running", cancellationToken);
            most = Math.Max(most, held);
            await Task.Delay(50, cancellationToken);
        }
        while ((held > 0 || most == 0) && Stopwatch.GetElapsedTime(started) < WriteTimeout * 4);

        section.Expect("answers given up because nobody read", await trio.Router.MetricAsync("sgl_slow_clients_total{side=\"answer\"", cancellationToken), least: Places);
        section.Expect("places taken at first", most, least: Places);
        section.Expect("places held in the end", held, most: 0);
        section.Expect("seconds until all were free", Stopwatch.GetElapsedTime(started).TotalSeconds, most: (WriteTimeout * 3).TotalSeconds);
        var client = new RouterClient(trio.RouterChannel, Pictures.Distinct(1, options.Seed));
        var after = await client.AskAsync(0, cancellationToken);
        section.Expect("the next question is answered", after.Ending == Ending.Answered ? 1 : 0, least: 1);
        unread.ForEach(u => u.Dispose());
    }
}
