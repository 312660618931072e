using System.Net;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>Small requests that would become gigabytes, against the router as a process of its own, whose peak memory the system counts.</summary>
public sealed class AttackTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public async Task Process_MessagesOfMillionsOfElements_RefusedInBoundedMemory()
    {
        await using var small = new SmallPeer();
        await using var large = new LargePeer();
        await small.StartAsync();
        await large.StartAsync();
        using var process = ServiceProcess.Start(
            "Sgl.Router.dll", "--Listen:Port=0", "--Listen:MetricsPort=0", "--Listen:HttpPort=0", $"--Router:Small:Address={small.Address}", $"--Router:Large:Address={large.Address}");
        var line = await process.LineAsync("listens on");
        await process.LineAsync("is now SERVING");
        var addresses = line.Split("http://").Skip(1).Select(a => new Uri("http://" + a.Split(' ', ';', ',')[0])).ToArray();
        using var channel = GrpcChannel.ForAddress(addresses[0], new GrpcChannelOptions { MaxSendMessageSize = null });
        using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(2) };
        var idle = process.PeakMemory();

        // 8 MB of empty parts in one turn, four at once; the same of unknown fields; 18 MB of JSON, four at once.
        var parts = Repeat([2 << 3 | 2, 0], 4_000_000);
        byte[] turn = [2 << 3 | 2, .. Varint(parts.Length), .. parts];
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => RefusedAsync(channel, turn, "messages[0].parts")));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => RefusedAsync(channel, Repeat([15 << 3, 1], 4_000_000), "request")));
        var json = Encoding.UTF8.GetBytes("{\"messages\":[{\"role\":\"user\",\"content\":[" + new StringBuilder().Insert(0, "{},", 6_000_000) + "{}]}]}");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => RefusedAsync(http, addresses, json)));

        // The bodies themselves are 4 x 8 MB and 4 x 18 MB, in buffers that double.
        Assert.InRange(process.PeakMemory() - idle, 0, 450L * MiB);
        var answer = new Wire.RouterService.RouterServiceClient(channel).Answer(Trio.Request());
        Assert.True(await answer.ResponseStream.MoveNext(CancellationToken.None));
    }

    private static async Task RefusedAsync(GrpcChannel channel, byte[] message, string field)
    {
        var raw = Marshallers.Create(b => b, b => b);
        var method = new Method<byte[], byte[]>(MethodType.ServerStreaming, "sgl.v1.RouterService", "Answer", raw, raw);
        var failure = await Failure.OfAsync(async () => await channel.CreateCallInvoker().AsyncServerStreamingCall(method, null, default, message).ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(StatusCode.InvalidArgument, failure.Code);
        Assert.Equal([field], failure.Fields);
    }

    private static async Task RefusedAsync(HttpClient http, Uri[] addresses, byte[] json)
    {
        var content = new ByteArrayContent(json) { Headers = { ContentType = new("application/json") } };
        using var response = await http.PostAsync(new Uri(addresses[^1], "/v1/chat/completions"), content);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("\"param\":\"messages[0].content\"", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static byte[] Repeat(byte[] unit, int count)
    {
        var bytes = new byte[unit.Length * count];
        for (var i = 0; i < count; i++)
        {
            unit.CopyTo(bytes, i * unit.Length);
        }

        return bytes;
    }

    private static byte[] Varint(int value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        return [.. bytes, (byte)value];
    }
}
