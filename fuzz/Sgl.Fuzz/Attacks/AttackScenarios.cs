using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Sgl.Fuzz;

/// <summary>One attack on running services.</summary>
/// <param name="Name">On the command line.</param>
/// <param name="Memory">By how many bytes each service may grow at its peak.</param>
/// <param name="Time">How long the attack may keep the services from answering it.</param>
/// <param name="RunAsync">Attacks; throws where an answer is not what it should be.</param>
internal sealed record AttackScenario(string Name, long Memory, TimeSpan Time, Func<ServerProcesses, Task> RunAsync);

/// <summary>The attacks of people who looked for a way to take the services down with little.</summary>
internal static class AttackScenarios
{
    private const long MiB = 1 << 20;

    public static IReadOnlyList<AttackScenario> All { get; } =
    [
        new("many-parts", 1024 * MiB, TimeSpan.FromSeconds(20), ManyPartsAsync),
        new("many-violations", 1536 * MiB, TimeSpan.FromSeconds(30), ManyViolationsAsync),
        new("gzip-grpc", 768 * MiB, TimeSpan.FromSeconds(60), GzipGrpcAsync),
        new("gzip-http", 768 * MiB, TimeSpan.FromSeconds(60), GzipHttpAsync),
        new("thin-pictures", 2048 * MiB, TimeSpan.FromSeconds(30), ThinPicturesAsync),
        new("picture-bombs", 1024 * MiB, TimeSpan.FromSeconds(30), PictureBombsAsync),
        new("headers", 512 * MiB, TimeSpan.FromSeconds(20), HeadersAsync),
        new("resets", 512 * MiB, TimeSpan.FromSeconds(30), ResetsAsync),
        new("connections", 512 * MiB, TimeSpan.FromSeconds(30), ConnectionsAsync),
    ];

    // Four million empty parts in eight megabytes: each costs an object, and once cost a text.
    private static async Task ManyPartsAsync(ServerProcesses servers)
    {
        byte[] parts = [.. Enumerable.Repeat<byte[]>([0x12, 0x00], 1 << 22).SelectMany(p => p)];
        byte[] turn = [0x08, 0x02, .. parts];
        byte[] messages = [0x12, .. Varint(turn.Length), .. turn];
        foreach (var (service, method, body) in new[]
        {
            ("router", "sgl.v1.RouterService/Answer", messages),
            ("small", "sgl.v1.SmallService/Generate", messages),
            ("large", "sgl.v1.LargeService/Generate", (byte[])[0x0A, .. Varint(messages.Length), .. messages]),
        })
        {
            await RefusedAsync(servers.Grpc[service], method, body, StatusCode.InvalidArgument, StatusCode.ResourceExhausted);
        }

        byte[] images = [.. Enumerable.Repeat<byte[]>([0x0A, 0x00], 1 << 22).SelectMany(p => p)];
        await RefusedAsync(servers.Grpc["router"], "sgl.v1.RouterService/Answer", images, StatusCode.InvalidArgument, StatusCode.ResourceExhausted);
    }

    private static async Task ManyViolationsAsync(ServerProcesses servers)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(2) };
        var bodies = new[]
        {
            "{\"model\":\"sgl\",\"messages\":[" + string.Join(',', Enumerable.Repeat("{}", 6_000_000)) + "]}",
            "{\"model\":\"sgl\",\"messages\":[{\"role\":\"user\",\"content\":[" + string.Join(',', Enumerable.Repeat("{\"type\":\"x\"}", 1_500_000)) + "]}]}",
            "{\"model\":\"sgl\",\"stop\":[" + string.Join(',', Enumerable.Repeat("\"\"", 6_000_000)) + "],\"messages\":[]}",
        };
        await Task.WhenAll(bodies.Append(bodies[0]).Select(async body =>
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var response = await http.PostAsync(new Uri(servers.Http, "/v1/chat/completions"), content);
            Expect((int)response.StatusCode is 400 or 413 or 429 or 503, $"HTTP {(int)response.StatusCode}");
        }));
    }

    private static async Task GzipGrpcAsync(ServerProcesses servers)
    {
        var bomb = BadPictures.Gzip(2L << 30);
        foreach (var (service, method) in new[] { ("router", "sgl.v1.RouterService/Answer"), ("small", "sgl.v1.SmallService/Generate"), ("large", "sgl.v1.LargeService/Generate") })
        {
            await RefusedAsync(servers.Grpc[service], method, bomb, gzip: true, expected: [StatusCode.ResourceExhausted, StatusCode.InvalidArgument]);
        }
    }

    private static async Task GzipHttpAsync(ServerProcesses servers)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(2) };
        using var content = new ByteArrayContent(BadPictures.Gzip(2L << 30));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        content.Headers.ContentEncoding.Add("gzip");
        try
        {
            using var response = await http.PostAsync(new Uri(servers.Http, "/v1/chat/completions"), content);
            Expect((int)response.StatusCode is 400 or 413 or 415, $"HTTP {(int)response.StatusCode}");
        }
        catch (HttpRequestException e) when (e.InnerException is IOException or SocketException)
        {
            // Hung up on, which is an answer.
        }
    }

    private static async Task ThinPicturesAsync(ServerProcesses servers)
    {
        byte[][] pictures = [BadPictures.Png(1, 6_390_000), BadPictures.Png(6_390_000, 1), BadPictures.Png(1, 6_400_000), BadPictures.Png(2, 3_000_000)];
        using var channel = GrpcChannel.ForAddress(servers.Grpc["router"], new GrpcChannelOptions { MaxSendMessageSize = null });
        var client = new Wire.RouterService.RouterServiceClient(channel);
        await Task.WhenAll(pictures.Select(async picture =>
        {
            var status = await AskAsync(client, picture);
            Expect(status is StatusCode.OK or StatusCode.InvalidArgument or StatusCode.ResourceExhausted, $"a thin picture ended with {status}");
        }));
    }

    private static async Task PictureBombsAsync(ServerProcesses servers)
    {
        using var channel = GrpcChannel.ForAddress(servers.Grpc["router"], new GrpcChannelOptions { MaxSendMessageSize = null });
        var client = new Wire.RouterService.RouterServiceClient(channel);
        Expect(await AskAsync(client, BadPictures.HeaderOnly(60_000, 60_000)) == StatusCode.InvalidArgument, "3600 megapixels were not refused");
        Expect(await AskAsync(client, BadPictures.HeaderOnly(int.MaxValue, int.MaxValue)) == StatusCode.InvalidArgument, "2^62 pixels were not refused");
        foreach (var picture in new[] { BadPictures.Png(64, 64, extraChunks: 200_000), BadPictures.Png(64, 64, textBytes: 1L << 30) })
        {
            var status = await AskAsync(client, picture);
            Expect(status is StatusCode.OK or StatusCode.InvalidArgument, $"a picture with bombs in its chunks ended with {status}");
        }
    }

    private static async Task HeadersAsync(ServerProcesses servers)
    {
        using var channel = GrpcChannel.ForAddress(servers.Grpc["router"]);
        var client = new Wire.RouterService.RouterServiceClient(channel);
        var metadata = new Metadata();
        for (var i = 0; i < 2000; i++)
        {
            metadata.Add($"x-{i}", new string('a', 500));
        }

        try
        {
            await client.GetInfoAsync(new Wire.GetInfoRequest(), metadata, DateTime.UtcNow.AddSeconds(15));
            Expect(false, "a megabyte of headers was accepted");
        }
        catch (RpcException)
        {
        }
    }

    // HTTP/2 rapid reset, as far as a client library goes.
    private static async Task ResetsAsync(ServerProcesses servers)
    {
        using var channel = GrpcChannel.ForAddress(servers.Grpc["router"]);
        var client = new Wire.RouterService.RouterServiceClient(channel);
        var question = new Wire.AnswerRequest { Messages = { new Wire.ChatMessage { Role = Wire.ChatRole.User, Parts = { new Wire.ChatPart { Text = "What?" } } } } };
        await Parallel.ForEachAsync(Enumerable.Range(0, 3000), new ParallelOptions { MaxDegreeOfParallelism = 50 }, async (_, _) =>
        {
            using var gone = new CancellationTokenSource();
            using var call = client.Answer(question, cancellationToken: gone.Token);
            await Task.Yield();
            await gone.CancelAsync();
        });
    }

    private static async Task ConnectionsAsync(ServerProcesses servers)
    {
        var clients = new List<TcpClient>();
        try
        {
            foreach (var address in servers.Grpc.Values.Append(servers.Http))
            {
                for (var i = 0; i < 300; i++)
                {
                    var client = new TcpClient();
                    await client.ConnectAsync(address.Host, address.Port);
                    await client.GetStream().WriteAsync("P"u8.ToArray());
                    clients.Add(client);
                }
            }

            var waited = await servers.AskAsync();
            Expect(waited < TimeSpan.FromSeconds(20), $"a question beside 1200 silent connections took {waited.TotalSeconds:0.0} s");
        }
        finally
        {
            clients.ForEach(c => c.Dispose());
        }
    }

    private static async Task<StatusCode> AskAsync(Wire.RouterService.RouterServiceClient client, byte[] picture)
    {
        var question = new Wire.AnswerRequest
        {
            Images = { new Wire.Image { Data = ByteString.CopyFrom(picture) } },
            Messages = { new Wire.ChatMessage { Role = Wire.ChatRole.User, Parts = { new Wire.ChatPart { Text = "What?" } } } },
            Sampling = new Wire.Sampling { MaxNewTokens = 1 },
        };
        try
        {
            using var call = client.Answer(question, deadline: DateTime.UtcNow.AddMinutes(2));
            await foreach (var _ in call.ResponseStream.ReadAllAsync())
            {
            }

            return StatusCode.OK;
        }
        catch (RpcException e)
        {
            return e.StatusCode;
        }
    }

    private static Task RefusedAsync(Uri service, string method, byte[] message, params StatusCode[] expected) => RefusedAsync(service, method, message, gzip: false, expected);

    private static async Task RefusedAsync(Uri service, string method, byte[] message, bool gzip, StatusCode[] expected)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(2) };
        byte[] frame = [(byte)(gzip ? 1 : 0), (byte)(message.Length >> 24), (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length, .. message];
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(service, method)) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(frame) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        if (gzip)
        {
            request.Headers.Add("grpc-encoding", "gzip");
        }

        using var response = await http.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        var text = response.TrailingHeaders.TryGetValues("grpc-status", out var trailer) ? trailer.First() : response.Headers.GetValues("grpc-status").First();
        var status = (StatusCode)int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
        Expect(expected.Contains(status), $"{method} ended with {status}");
    }

    private static byte[] Varint(int value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
        return [.. bytes];
    }

    private static void Expect(bool fine, string otherwise)
    {
        if (!fine)
        {
            throw new InvalidOperationException(otherwise);
        }
    }
}
