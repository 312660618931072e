using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using Sgl.Guidance;
using Sgl.Inference;
using Sgl.Text;
using Sgl.Vision;
using Wire = Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>
/// What lies between a client and the model: each question goes, in turns, to the router, to the small service, and to an engine in this process with the same
/// model. Goals: 1 ms more to the first token and 0.03 ms more a token than the engine alone takes (medians).
/// </summary>
internal sealed class AddedScenario : IScenario
{
    private const int Tokens = 64;
    private const int MostPictures = 2048;
    private const double ConsistencyRatio = 0.05;
    private const double MostFirstToken = 1, MostToken = 0.03;
    private const string Question = "What shape is black?";

    // Until the runtime has compiled for speed what a call passes through.
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(10);

    public string Name => "added";

    public string Summary => "what router and gRPC add to the first token and to each token, one request at a time";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        await using var trio = await ServiceTrio.StartAsync(options, cancellationToken: cancellationToken);
        await using var engine = await VlmEngine.LoadAsync(new EngineOptions { Checkpoint = options.Small }, cancellationToken: cancellationToken);
        var pictures = Pictures.Distinct(MostPictures, options.Seed);
        var router = new Wire.RouterService.RouterServiceClient(trio.RouterChannel);
        var small = new Wire.SmallService.SmallServiceClient(trio.Smalls[0].Channel);
        // Each way sees a picture that its service has not seen: the router's and the direct call share a vision cache.
        Func<ByteString, ByteString, Task<Pace>>[] ways =
        [
            (one, _) => ThroughRouterAsync(router, one, cancellationToken),
            (_, two) => DirectAsync(small, two, cancellationToken),
            (one, _) => InProcessAsync(engine, one, cancellationToken),
        ];
        var paces = ways.Select(_ => new List<Pace>()).ToArray();
        var (cpu, started, measuring) = (TimeSpan.Zero, Stopwatch.GetTimestamp(), false);
        for (var i = 0; i + 1 < pictures.Count && (!measuring || Stopwatch.GetElapsedTime(started) < options.Duration); i += 2)
        {
            if (!measuring && Stopwatch.GetElapsedTime(started) >= WarmUp)
            {
                (started, cpu, measuring) = (Stopwatch.GetTimestamp(), trio.Router.CpuTime, true);
            }

            // Every other time backwards: no way always follows the same one.
            foreach (var w in i % 4 == 0 ? Enumerable.Range(0, ways.Length) : Enumerable.Range(0, ways.Length).Reverse())
            {
                var pace = await ways[w](pictures[i], pictures[i + 1]);
                if (measuring)
                {
                    paces[w].Add(pace);
                }
            }
        }

        var spent = trio.Router.CpuTime - cpu;
        section.Note("questions each way", paces[0].Count);
        section.Note("engine alone: first token, ms", Median(paces[2], p => p.FirstToken));
        section.Note("engine alone: a token, ms", Median(paces[2], p => p.Token));
        section.Expect("router and gRPC: added to the first token, ms", Added(0, p => p.FirstToken), most: MostFirstToken);
        section.Expect("router and gRPC: added to a token, ms", Added(0, p => p.Token), most: MostToken);
        section.Note("gRPC alone: added to the first token, ms", Added(1, p => p.FirstToken));
        section.Note("gRPC alone: added to a token, ms", Added(1, p => p.Token));
        section.Note("processor time of the router for one question, ms", spent.TotalMilliseconds / paces[0].Count);

        // Pairs of one round: whatever else the machine does then falls on both.
        double Added(int way, Func<Pace, double> value) => Median(paces[way].Zip(paces[2], (a, b) => value(a) - value(b)));
    }

    private static async Task<Pace> ThroughRouterAsync(Wire.RouterService.RouterServiceClient client, ByteString picture, CancellationToken cancellationToken)
    {
        var request = new Wire.AnswerRequest
        {
            Policy = new Wire.RoutingPolicy { Force = Wire.Route.Small },
            Sampling = new Wire.Sampling { MaxNewTokens = Tokens, MinNewTokens = Tokens },
            OmitImportance = true,
        };
        request.Images.Add(new Wire.Image { Data = picture });
        request.Messages.Add(new Wire.ChatMessage { Role = Wire.ChatRole.User, Parts = { new Wire.ChatPart { Text = Question } } });
        var clock = new Clock();
        using var call = client.Answer(request, cancellationToken: cancellationToken);
        await foreach (var message in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            if (message.EventCase == Wire.AnswerResponse.EventOneofCase.SmallToken)
            {
                clock.Token();
            }
        }

        return clock.Pace;
    }

    private static async Task<Pace> DirectAsync(Wire.SmallService.SmallServiceClient client, ByteString picture, CancellationToken cancellationToken)
    {
        var request = new Wire.SmallServiceGenerateRequest { Sampling = new Wire.Sampling { MaxNewTokens = Tokens, MinNewTokens = Tokens }, OmitImportance = true };
        request.Images.Add(new Wire.Image { Data = picture });
        request.Messages.Add(new Wire.ChatMessage { Role = Wire.ChatRole.User, Parts = { new Wire.ChatPart { Text = Question } } });
        var clock = new Clock();
        using var call = client.Generate(request, cancellationToken: cancellationToken);
        await foreach (var message in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            if (message.EventCase == Wire.SmallServiceGenerateResponse.EventOneofCase.Token)
            {
                clock.Token();
            }
        }

        return clock.Pace;
    }

    private static async Task<Pace> InProcessAsync(VlmEngine engine, ByteString picture, CancellationToken cancellationToken)
    {
        var generation = new GenerationOptions
        {
            Sampling = new SamplingOptions { MaxNewTokens = Tokens, MinNewTokens = Tokens },
            Importance = new ImportanceOptions(),
            ConsistencyRatio = ConsistencyRatio,
        };
        var clock = new Clock();
        var image = new ImageDecoder(new ImageDecoderOptions()).Decode(picture.Memory, cancellationToken);
        var chat = new ChatMessage(ChatRole.User, [new ChatPart.Image(0), new ChatPart.Text(Question)]);
        var prompt = await engine.PrepareAsync(new PromptInput { Images = [image], Messages = [chat] }, cancellationToken);
        await foreach (var generated in engine.GenerateAsync(prompt, generation, cancellationToken))
        {
            if (generated is GenerationEvent.Token)
            {
                clock.Token();
            }
        }

        return clock.Pace;
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    private static double Median(List<Pace> paces, Func<Pace, double> value) => Median(paces.Select(value));

    /// <summary>Milliseconds to the first token, and from one token to the next.</summary>
    private readonly record struct Pace(double FirstToken, double Token);

    /// <summary>When tokens came.</summary>
    private sealed class Clock
    {
        private readonly long _started = Stopwatch.GetTimestamp();
        private TimeSpan? _first;
        private TimeSpan _last;
        private int _count;

        public Pace Pace => _first is { } first && _count > 1
            ? new Pace(first.TotalMilliseconds, (_last - first).TotalMilliseconds / (_count - 1))
            : throw new InvalidOperationException("the stream ended without tokens");

        public void Token()
        {
            _last = Stopwatch.GetElapsedTime(_started);
            _first ??= _last;
            _count++;
        }
    }
}
