using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;

namespace Sgl.Hosting.Tests;

/// <summary>Frames that are no gRPC frames: the client's fault, whatever the method's shape, and the service goes on.</summary>
public sealed class FrameTests : IAsyncLifetime
{
    private static readonly byte[] Message = new ProbeRequest { Act = "fine", Count = 1 }.ToByteArray();
    private ProbeHost _host = null!;

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var method in new[] { "Unary", "ServerStreaming", "ClientStreaming", "Duplex" })
        {
            foreach (var name in new[] { "cut header", "cut message", "flag 2", "compressed without saying how", "compressed as identity", "gzip of nothing", "length beyond the body", "length above 2 GiB", "no protobuf" })
            {
                data.Add(method, name);
            }
        }

        return data;
    }

    public async Task InitializeAsync() => _host = await ProbeHost.StartAsync();

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Call_MalformedFrame_InvalidArgumentAndNoErrorInTheLog(string method, string name)
    {
        var (status, message) = await PostAsync(method, Body(name), name switch { "compressed as identity" => "identity", "gzip of nothing" => "gzip", _ => null });

        Assert.Equal(StatusCode.InvalidArgument, status);
        Assert.Contains("request: cannot be read", message, StringComparison.Ordinal);
        Assert.Equal("fine", (await _host.Client.UnaryAsync(new ProbeRequest { Act = "fine" })).Text);

        // Nothing of the kind is the operator's to look at.
        Assert.DoesNotContain(_host.Log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Unary")]
    [InlineData("Duplex")]
    public async Task Call_SecondFrameMalformed_InvalidArgument(string method)
    {
        var (status, _) = await PostAsync(method, [.. Frame(0, Message), 2, 0, 0], null);

        Assert.Equal(StatusCode.InvalidArgument, status);
    }

    [Theory]
    [InlineData("Unary")]
    [InlineData("Duplex")]
    public async Task Call_GzipBomb_ResourceExhausted(string method)
    {
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            var zeros = new byte[1 << 20];
            for (var i = 0; i < 256; i++)
            {
                await gzip.WriteAsync(zeros);
            }
        }

        var before = GC.GetTotalAllocatedBytes();
        var (status, message) = await PostAsync(method, Frame(1, packed.ToArray()), "gzip");

        Assert.Equal(StatusCode.ResourceExhausted, status);
        Assert.Contains("Listen:MaxReceiveMessageBytes", message, StringComparison.Ordinal);
        Assert.True(GC.GetTotalAllocatedBytes() - before < 4L << 30);
    }

    private static byte[] Frame(byte flag, byte[] message) =>
        [flag, (byte)(message.Length >> 24), (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length, .. message];

    private static byte[] Body(string name) => name switch
    {
        "cut header" => [0, 0, 0],
        "cut message" => Frame(0, Message)[..^2],
        "flag 2" => Frame(2, Message),
        "compressed without saying how" or "compressed as identity" or "gzip of nothing" => Frame(1, Message),
        "length beyond the body" => [0, 0, 0, 1, 0, .. Message],
        "length above 2 GiB" => [0, 0xBA, 0, 0, 0, .. Message],
        "no protobuf" => Frame(0, [0x0A, 0x7F, 0x61]),
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };

    private async Task<(StatusCode Status, string Message)> PostAsync(string method, byte[] body, string? encoding)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_host.Endpoints.Grpc, $"/sgl.testing.Probe/{method}"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        if (encoding is not null)
        {
            request.Headers.Add("grpc-encoding", encoding);
        }

        using var response = await _host.Http.SendAsync(request).WaitAsync(TimeSpan.FromSeconds(30));
        await response.Content.ReadAsByteArrayAsync();
        var status = Value("grpc-status");
        return ((StatusCode)int.Parse(status, System.Globalization.CultureInfo.InvariantCulture), Uri.UnescapeDataString(Value("grpc-message")));

        string Value(string name) => response.TrailingHeaders.TryGetValues(name, out var trailer) ? trailer.First()
            : response.Headers.TryGetValues(name, out var header) ? header.First() : string.Empty;
    }
}
