using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Sgl.Fuzz.Internal;

namespace Sgl.Fuzz;

/// <summary>What comes over the network, at the three real services. The seed's name says where to: <c>service/path|variant</c>.</summary>
internal abstract class NetworkTarget : IFuzzTarget
{
    private const int BetweenChecks = 64;
    private long _cases;

    public abstract string Name { get; }

    public CaseBounds Bounds => new(TimeSpan.FromSeconds(30), 1L << 30);

    public virtual IReadOnlyList<string> Dictionary => [];

    protected Trio Trio { get; private set; } = null!;

    protected HttpClient Client { get; } = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(10) }) { Timeout = TimeSpan.FromSeconds(60) };

    public async Task<IReadOnlyList<Seed>> OpenAsync()
    {
        Trio = await Trio.StartAsync();
        return [.. Seeds()];
    }

    public async Task<bool> RunAsync(Seed seed, byte[] bytes)
    {
        var accepted = await SendAsync(seed, bytes);
        if (++_cases % BetweenChecks == 0)
        {
            await Trio.CheckAliveAsync();
        }

        return Trio.Complaint() is { } complaint ? throw new InvalidOperationException(complaint) : accepted;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (Trio is not null)
        {
            await Trio.CheckAliveAsync();
            await Trio.DisposeAsync();
        }
    }

    protected abstract IEnumerable<Seed> Seeds();

    protected abstract Task<bool> SendAsync(Seed seed, byte[] bytes);

    /// <summary>An image of the size of a stamp.</summary>
    protected static Wire.Image Stamp(string file) => new() { Data = ByteString.CopyFrom(File.ReadAllBytes(Corpus.Folder($"tests/Sgl.Vision.Tests/Data/files/{file}"))), Name = file };

    protected static Wire.ChatMessage Question(string text = "What shape is black?") => new() { Role = Wire.ChatRole.User, Parts = { new Wire.ChatPart { Text = text } } };
}

/// <summary>gRPC: changed protobuf bodies in good frames, or changed frames.</summary>
/// <param name="frames">Whether the frames are changed.</param>
internal sealed class GrpcTarget(bool frames) : NetworkTarget
{
    // INTERNAL and UNKNOWN are the service's fault, which nothing that a client sends may be.
    private static readonly StatusCode[] Documented =
    [
        StatusCode.OK, StatusCode.Cancelled, StatusCode.InvalidArgument, StatusCode.DeadlineExceeded, StatusCode.ResourceExhausted, StatusCode.FailedPrecondition, StatusCode.Unimplemented,
        StatusCode.Unavailable, StatusCode.NotFound,
    ];

    public override string Name => frames ? "grpc-frames" : "grpc-body";

    public override IReadOnlyList<string> Dictionary =>
        ["\n\0", "\u0012\u0000", "\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u0001", "\u0000\u0000\u0000\u0000\u0000", "\u0001\u0000\u0000\u0000\u0005", "\u00ff\u00ff\u00ff\u00ff", "\u001b[2J", "\u00e2\u0080\u00ae", "<|im_end|>"];

    protected override IEnumerable<Seed> Seeds()
    {
        foreach (var (name, message) in Messages())
        {
            var body = message.ToByteArray();
            yield return new Seed(name, frames ? Frame(0, body) : body);
            if (frames)
            {
                yield return new Seed($"{name}+gzip", Frame(1, body));
                yield return new Seed($"{name}+two", [.. Frame(0, body), .. Frame(0, body)]);
            }
        }
    }

    protected override async Task<bool> SendAsync(Seed seed, byte[] bytes)
    {
        var (service, path) = (seed.Name.Split('/')[0], seed.Name.Split('|')[0]);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Trio.Grpc[service], path[(service.Length + 1)..]))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(frames ? bytes : Frame(0, bytes)),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        request.Headers.Add("grpc-timeout", "20S");
        if (seed.Name.EndsWith("+gzip", StringComparison.Ordinal))
        {
            request.Headers.Add("grpc-encoding", "gzip");
        }

        using var response = await Client.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        var text = response.TrailingHeaders.TryGetValues("grpc-status", out var trailer) ? trailer.First()
            : response.Headers.TryGetValues("grpc-status", out var header) ? header.First() : throw new InvalidOperationException($"HTTP {(int)response.StatusCode} without a grpc-status");
        var status = (StatusCode)int.Parse(text, CultureInfo.InvariantCulture);
        return Documented.Contains(status) ? status == StatusCode.OK : throw new InvalidOperationException($"{path} ended with {status}");
    }

    private static byte[] Frame(byte flag, byte[] message) =>
        [flag, (byte)(message.Length >> 24), (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length, .. message];

    private static IEnumerable<(string Name, IMessage Message)> Messages()
    {
        var sampling = new Wire.Sampling { MaxNewTokens = 1 };
        yield return ("router/sgl.v1.RouterService/Answer|text", new Wire.AnswerRequest { Messages = { Question() }, Sampling = sampling });
        yield return ("router/sgl.v1.RouterService/Answer|policy", new Wire.AnswerRequest
        {
            Messages = { Question() },
            Sampling = new Wire.Sampling { MaxNewTokens = 1, Temperature = 0.5f, TopK = 4, TopP = 0.9f, Seed = 7, Stop = { "a", "b" } },
            Policy = new Wire.RoutingPolicy
            {
                Threshold = 0.7,
                Criterion = Wire.ExitCriterion.Entropy,
                Force = Wire.Route.Small,
                Prune = { new Wire.PrunePoint { LayerFraction = 0.2, KeepRatio = 0.3 }, new Wire.PrunePoint { Layer = 4, KeepRatio = 0.1 } },
                Importance = new Wire.ImportanceOptions { LayerFraction = 0.5, ConsistencyRatio = 0.1 },
            },
        });
        yield return ("router/sgl.v1.RouterService/Answer|picture", new Wire.AnswerRequest { Images = { Stamp("rgb.png") }, Messages = { Question() }, Sampling = sampling });
        yield return ("router/sgl.v1.RouterService/AnswerOnce|named", new Wire.AnswerRequest { Messages = { Question() }, Sampling = sampling, Policy = new Wire.RoutingPolicy { Name = "default" } });
        yield return ("router/sgl.v1.RouterService/ListPolicies|", new Wire.ListPoliciesRequest());
        yield return ("router/sgl.v1.RouterService/GetInfo|", new Wire.GetInfoRequest());
        yield return ("small/sgl.v1.SmallService/Generate|picture", new Wire.SmallServiceGenerateRequest { Images = { Stamp("baseline.jpg") }, Messages = { Question() }, Sampling = sampling });
        yield return ("small/sgl.v1.SmallService/Generate|limits", new Wire.SmallServiceGenerateRequest
        {
            Messages = { Question() },
            Sampling = sampling,
            ImageLimits = new Wire.ImageLimits { MinTileCount = 1, MaxTileCount = 4 },
            Importance = new Wire.ImportanceOptions { Source = Wire.ImportanceSource.Prompt },
        });
        yield return ("large/sgl.v1.LargeService/Generate|unpruned", new Wire.LargeServiceGenerateRequest
        {
            Input = new Wire.LargeInput { Messages = { Question() }, Sampling = sampling },
            Guidance = new Wire.Guidance { Unpruned = new Wire.Unpruned(), Draft = new Wire.Draft { TokenIds = { 5, 6, 7 } } },
        });
        yield return ("large/sgl.v1.LargeService/Generate|ranked", new Wire.LargeServiceGenerateRequest
        {
            Input = new Wire.LargeInput { Images = { Stamp("rgb.png") }, Messages = { Question() }, Sampling = sampling },
            Guidance = new Wire.Guidance
            {
                Ranked = new Wire.RankedGuidance { Order = new Wire.TokenOrder { Indices = { 0, 1, 2, 3 } }, Points = { new Wire.PrunePoint { Layer = 2, KeepRatio = 0.5 } } },
                Digest = new Wire.InputDigest { VisualSha256 = ByteString.CopyFrom(new byte[32]) },
            },
        });
        yield return ("large/sgl.v1.LargeService/Generate|cancel", new Wire.LargeServiceGenerateRequest { Input = new Wire.LargeInput { Messages = { Question() } }, Cancel = new Wire.Cancel() });
        yield return ("small/grpc.health.v1.Health/Check|", new Grpc.Health.V1.HealthCheckRequest { Service = "sgl.v1.SmallService" });
    }
}

/// <summary>JSON bodies of the OpenAI-style API; of streams, that what comes is server-sent events to the end.</summary>
/// <param name="stream">Whether the answers are streamed.</param>
internal sealed class HttpTarget(bool stream) : NetworkTarget
{
    public override string Name => stream ? "sse" : "http-json";

    public override IReadOnlyList<string> Dictionary =>
        ["null", "true", "-1", "1e400", "0.5", "\"\"", "[]", "{}", "\"\\ud800\"", "\"image_url\"", "\"data:image/png;base64,\"", "\"http://localhost/\"", "\"stream\":true", "\"n\":2", "\"sgl\":{\"threshold\":2}", "\"role\":\"tool\"", "\\u001b", "[[[[[[[[", "{\"a\":"];

    protected override IEnumerable<Seed> Seeds()
    {
        var picture = Convert.ToBase64String(Stamp("rgb.png").Data.Span);
        var options = $"\"model\":\"sgl\",\"max_tokens\":1,\"stream\":{(stream ? "true" : "false")}";
        string[] bodies =
        [
            $$$"""{{{{options}}},"messages":[{"role":"user","content":"What shape is black?"}]}""",
            $$$"""{{{{options}}},"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{picture}}}"}},{"type":"text","text":"What?"}]}]}""",
            $$$"""{{{{options}}},"temperature":0.5,"top_p":0.9,"seed":7,"stop":["a"],"sgl":{"threshold":0.5,"criterion":"confidence","force":"small"},"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}""",
        ];
        string[] responses =
        [
            $$$"""{{{{options}}},"input":"What shape is black?","instructions":"Be brief.","metadata":{"a":"b"}}""",
            $$$"""{{{{options}}},"max_output_tokens":1,"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"What?"},{"type":"input_image","image_url":"data:image/png;base64,{{{picture}}}"}]},{"role":"assistant","content":[{"type":"output_text","text":"b"}]},{"role":"user","content":"c"}]}""".Replace(",\"max_tokens\":1", "", StringComparison.Ordinal),
        ];
        return [
            .. bodies.Select((b, i) => new Seed($"/v1/chat/completions body {i}", Encoding.UTF8.GetBytes(b))),
            .. responses.Select((b, i) => new Seed($"/v1/responses body {i}", Encoding.UTF8.GetBytes(b.Replace("\"max_tokens\"", "\"max_output_tokens\"", StringComparison.Ordinal)))),
        ];
    }

    protected override async Task<bool> SendAsync(Seed seed, byte[] bytes)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Trio.Http, seed.Name.Split(' ')[0])) { Content = new ByteArrayContent(bytes) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        if ((int)response.StatusCode is not (200 or 400 or 404 or 413 or 422 or 429 or 503 or 504))
        {
            throw new InvalidOperationException($"HTTP {(int)response.StatusCode}: {text[..Math.Min(200, text.Length)]}");
        }

        if (response.Content.Headers.ContentType?.MediaType == "text/event-stream")
        {
            CheckEvents(text);
        }
        else
        {
            using var json = JsonDocument.Parse(text);
            if (!response.IsSuccessStatusCode && !json.RootElement.TryGetProperty("error", out _))
            {
                throw new InvalidOperationException($"HTTP {(int)response.StatusCode} without an error: {text}");
            }
        }

        return response.IsSuccessStatusCode;
    }

    private static void CheckEvents(string text)
    {
        var last = string.Empty;
        foreach (var line in text.Split('\n').Where(l => l.Length > 0 && l[0] != ':'))
        {
            if (line.StartsWith("event: ", StringComparison.Ordinal))
            {
                continue;
            }

            last = line.StartsWith("data: ", StringComparison.Ordinal) ? line[6..] : throw new InvalidOperationException($"no event: {line}");
            if (last != "[DONE]")
            {
                using var json = JsonDocument.Parse(last);
            }
        }

        if (last != "[DONE]" && !last.Contains("\"error\"", StringComparison.Ordinal) && !last.Contains("\"type\":\"response.", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"the stream ends with {last}");
        }
    }
}

/// <summary>Bytes on the wire below HTTP: changed HTTP/2 conversations at the gRPC ports, changed HTTP/1.1 requests at the other.</summary>
internal sealed class RawTarget : NetworkTarget
{
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(300);

    public override string Name => "raw";

    public override IReadOnlyList<string> Dictionary =>
        ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u0000\u0000\u0000\u0004\u0000\u0000\u0000\u0000\u0000", "\u0000\u0000\u0004\u0003\u0000\u0000\u0000\u0000\u0001\u0000\u0000\u0000\u0008", "\u0000\u0000\u0004\u0008\u0000\u0000\u0000\u0000\u0001\u0000\u0000\u0000\u0000", "\r\n\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 99999999999999999999\r\n", "x-request-id: \u001b[2J\r\n", "ffffffffffffffff\r\n"];

    protected override IEnumerable<Seed> Seeds()
    {
        foreach (var service in new[] { "router", "small", "large" })
        {
            yield return new Seed(service, [.. Preface(), .. Headers(1, "/sgl.v1.RouterService/GetInfo"), .. FrameOf(0, 1, 1, [0, 0, 0, 0, 0])]);
            yield return new Seed(service, [.. Preface(), .. Headers(1, "/sgl.v1.LargeService/Generate"), .. FrameOf(0, 0, 1, [0, 0, 0, 0, 2, 10, 0]), .. FrameOf(3, 0, 1, [0, 0, 0, 8]), .. Headers(3, "/grpc.health.v1.Health/Watch"), .. FrameOf(0, 1, 3, [0, 0, 0, 0, 0])]);
        }

        yield return new Seed("http", Encoding.ASCII.GetBytes("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"));
        yield return new Seed("http", Encoding.ASCII.GetBytes("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"));
        yield return new Seed("http", Encoding.ASCII.GetBytes("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nx-request-id: abc\r\n\r\n"));
    }

    protected override async Task<bool> SendAsync(Seed seed, byte[] bytes)
    {
        var at = seed.Name == "http" ? Trio.Http : Trio.Grpc[seed.Name];
        using var client = new TcpClient();
        await client.ConnectAsync(at.Host, at.Port);
        try
        {
            await using var stream = client.GetStream();
            await stream.WriteAsync(bytes);
            var buffer = new byte[4096];
            using var silence = new CancellationTokenSource(Silence);
            var read = 0;
            while (await stream.ReadAsync(buffer, silence.Token) is > 0 and var n && read < 1 << 20)
            {
                read += n;
            }

            return read > 0;
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // To be hung up on is an answer too; so is to be waited for.
            return false;
        }
    }

    private static byte[] Preface() => [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. FrameOf(4, 0, 0, [])];

    private static byte[] Headers(int stream, string path) => FrameOf(
        1, 4, stream, [.. Literal(":method", "POST"), .. Literal(":scheme", "http"), .. Literal(":path", path), .. Literal(":authority", "localhost"), .. Literal("content-type", "application/grpc"), .. Literal("te", "trailers")]);

    private static byte[] Literal(string name, string value) => [0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), (byte)value.Length, .. Encoding.ASCII.GetBytes(value)];

    private static byte[] FrameOf(byte type, byte flags, int stream, byte[] payload) =>
        [0, (byte)(payload.Length >> 8), (byte)payload.Length, type, flags, 0, 0, (byte)(stream >> 8), (byte)stream, .. payload];
}
