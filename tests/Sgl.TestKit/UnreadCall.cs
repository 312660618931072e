using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Sgl.TestKit;

/// <summary>A gRPC call whose client grants the service no room to answer: HTTP/2 by hand, with an initial window of nothing.</summary>
public sealed class UnreadCall : IDisposable
{
    private const byte Data = 0, Headers = 1, Settings = 4;
    private const byte EndStream = 1, EndHeaders = 4, Acknowledge = 1;

    private readonly TcpClient _client;

    private UnreadCall(TcpClient client) => _client = client;

    /// <summary>Sends a message and closes the client's side.</summary>
    /// <param name="service">Where.</param>
    /// <param name="method">E.g. <c>/sgl.v1.SmallService/Generate</c>.</param>
    /// <param name="message">At most 16 kB.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<UnreadCall> AskAsync(Uri service, string method, byte[] message, CancellationToken cancellationToken)
    {
        var client = new TcpClient();
        await client.ConnectAsync(service.Host, service.Port, cancellationToken);
        var body = new byte[message.Length + 5];
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(1), message.Length);
        message.CopyTo(body, 5);

        using var bytes = new MemoryStream();
        bytes.Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);
        Frame(bytes, Settings, 0, 0, [0, 4, 0, 0, 0, 0]); // SETTINGS_INITIAL_WINDOW_SIZE = 0
        Frame(bytes, Settings, Acknowledge, 0, []);
        Frame(bytes, Headers, EndHeaders, 1, Fields(
            (":method", "POST"), (":scheme", "http"), (":path", method), (":authority", service.Authority),
            ("content-type", "application/grpc"), ("te", "trailers")));
        Frame(bytes, Data, EndStream, 1, body);
        await client.GetStream().WriteAsync(bytes.ToArray(), cancellationToken);
        return new UnreadCall(client);
    }

    public void Dispose() => _client.Dispose();

    private static void Frame(MemoryStream to, byte type, byte flags, int stream, byte[] payload)
    {
        Span<byte> header = stackalloc byte[9];
        BinaryPrimitives.WriteInt32BigEndian(header, payload.Length << 8);
        (header[3], header[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(header[5..], stream);
        to.Write(header);
        to.Write(payload);
    }

    // HPACK, literal fields without indexing and without Huffman; lengths below 127.
    private static byte[] Fields(params (string Name, string Value)[] fields) =>
        [.. fields.SelectMany(f => (byte[])[0, (byte)f.Name.Length, .. Encoding.ASCII.GetBytes(f.Name), (byte)f.Value.Length, .. Encoding.ASCII.GetBytes(f.Value)])];
}
