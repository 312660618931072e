using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;

namespace Sgl.TestKit.Serving;

/// <summary>A gRPC call without a gRPC library, to see which part of the answer came when.</summary>
public static class RawCall
{
    /// <summary>Sends one message and reads the whole answer.</summary>
    /// <returns>Whether the status was in the headers, which then left together with it, and the status.</returns>
    public static async Task<(bool InHeaders, string Status)> StatusAsync(Uri service, string method, IMessage message)
    {
        var frame = new byte[5 + message.CalculateSize()];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), frame.Length - 5);
        message.WriteTo(frame.AsSpan(5));
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(service, method))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(frame) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } },
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        using var response = await http.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        return response.Headers.TryGetValues("grpc-status", out var early)
            ? (true, early.Single())
            : (false, response.TrailingHeaders.GetValues("grpc-status").Single());
    }
}
