using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;

namespace Sgl.Router;

/// <summary>Opens channels to one replica: keepalive pings, several connections where one is full, no balancing and no retries of their own.</summary>
internal static class BackendChannel
{
    private const int MaxMessageBytes = 256 << 20;

    public static GrpcChannel Open(ReplicaAddress address, BackendOptions options, ILoggerFactory logging) =>
        GrpcChannel.ForAddress(address.Service, new GrpcChannelOptions
        {
            HttpHandler = Handler(address, options),
            DisposeHttpClient = true,
            LoggerFactory = logging,
            MaxReceiveMessageSize = MaxMessageBytes,
            MaxSendMessageSize = MaxMessageBytes,
            MaxRetryAttempts = 1, // retries are RetryLoop's alone
        });

    private static SocketsHttpHandler Handler(ReplicaAddress address, BackendOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = options.ConnectTimeout,

            // With a callback of ours the channel leaves connections to the handler, which tries at once instead of backing off: what is away and for how
            // long is the business of ReplicaStanding.
            ConnectCallback = (context, cancellation) => ConnectAsync(address.Endpoint ?? (EndPoint)context.DnsEndPoint, cancellation),
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = options.KeepAlivePingDelay,
            KeepAlivePingTimeout = options.KeepAlivePingTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null, // AnswerCall sends it
            UseProxy = false,
        };
        if (address.Service.Scheme != Uri.UriSchemeHttps)
        {
            return handler;
        }

        var ssl = handler.SslOptions;
        if (!string.IsNullOrEmpty(options.Tls.CaPath))
        {
            ssl.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            ssl.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(options.Tls.CaPath);
        }

        if (!string.IsNullOrEmpty(options.Tls.CertificatePath))
        {
            using var pem = X509Certificate2.CreateFromPemFile(options.Tls.CertificatePath, options.Tls.KeyPath);
            var certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
            ssl.ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true);
        }

        return handler;
    }

    private static async ValueTask<Stream> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken)
    {
        var socket = endpoint is IPEndPoint ip
            ? new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endpoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
