using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;

namespace Sgl.Hosting.Tests;

/// <summary>A gRPC request whose bytes go out as the test says, on whatever connection its handler has.</summary>
internal sealed class RawUpload : HttpContent
{
    private readonly Func<Stream, CancellationToken, Task> _write;

    private RawUpload(Func<Stream, CancellationToken, Task> write)
    {
        _write = write;
        Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
    }

    /// <summary>The five bytes in front of a message.</summary>
    public static byte[] Header(int length)
    {
        var header = new byte[5];
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(1), length);
        return header;
    }

    /// <summary>Sends a request, and returns its status and message once the service has answered, though the upload may not have ended.</summary>
    public static async Task<(int Status, string Message)> SendAsync(HttpMessageInvoker http, Uri address, string method, Func<Stream, CancellationToken, Task> write)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address, $"/sgl.testing.Probe/{method}"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new RawUpload(write),
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var response = await http.SendAsync(request, limit.Token);
        var headers = response.Headers.Contains("grpc-status") ? response.Headers : null;
        if (headers is null)
        {
            await response.Content.CopyToAsync(Stream.Null, limit.Token);
            headers = response.TrailingHeaders;
        }

        return (int.Parse(headers.GetValues("grpc-status").Single(), System.Globalization.CultureInfo.InvariantCulture), headers.TryGetValues("grpc-message", out var message) ? Uri.UnescapeDataString(message.Single()) : "");
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) => _write(stream, cancellationToken);

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
