using Grpc.Net.Client;

namespace Sgl.Client.Internal;

/// <summary>Connections to a router.</summary>
internal static class Channels
{
    /// <summary>The handler below a channel: as many connections as streams need, which follow a name whose address changes, and find dead ones by pings.</summary>
    public static SocketsHttpHandler Handler() => new()
    {
        EnableMultipleHttp2Connections = true,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        KeepAlivePingDelay = TimeSpan.FromSeconds(30),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
    };

    /// <summary>Limits of messages. The router has its own for what it is sent, and says so with the field.</summary>
    public static void Configure(GrpcChannelOptions channel, SglClientOptions options)
    {
        channel.MaxReceiveMessageSize = options.MaxReceiveMessageBytes;
        channel.MaxSendMessageSize = null;
    }
}
