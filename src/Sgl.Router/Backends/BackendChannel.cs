using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Sgl.Router;

/// <summary>Opens channels to the replicas of a model service: round-robin, keepalive pings, several connections where one is full.</summary>
internal static class BackendChannel
{
    private const int MaxMessageBytes = 256 << 20;

    public static GrpcChannel Open(BackendOptions options, ILoggerFactory logging)
    {
        if (BackendAddress.TryParse(options.Address, options.Tls.Enabled, out var address) is { } problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        ResolverFactory resolver = address!.Replicas.Count > 0
            ? new StaticResolverFactory(_ => [.. address.Replicas.Select(r => new BalancerAddress(r.Host, r.Port))])
            : new DnsResolverFactory(options.DnsRefresh);
        return GrpcChannel.ForAddress(address.Target, new GrpcChannelOptions
        {
            Credentials = address.Tls ? ChannelCredentials.SecureSsl : ChannelCredentials.Insecure,
            HttpHandler = Handler(options, address.Tls),
            DisposeHttpClient = true,
            LoggerFactory = logging,
            MaxReceiveMessageSize = MaxMessageBytes,
            MaxSendMessageSize = MaxMessageBytes,
            MaxRetryAttempts = 1, // retries are RetryLoop's alone
            InitialReconnectBackoff = TimeSpan.FromMilliseconds(100),
            MaxReconnectBackoff = TimeSpan.FromSeconds(5),
            ServiceConfig = new ServiceConfig { LoadBalancingConfigs = { FreshReplicaBalancer.Config } },
            ServiceProvider = new ServiceCollection().AddSingleton(resolver).AddSingleton<LoadBalancerFactory>(new FreshReplicaBalancer.Factory()).AddSingleton(logging).BuildServiceProvider(),
        });
    }

    private static SocketsHttpHandler Handler(BackendOptions options, bool tls)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = options.ConnectTimeout,
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = options.KeepAlivePingDelay,
            KeepAlivePingTimeout = options.KeepAlivePingTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            AutomaticDecompression = DecompressionMethods.None,
            UseProxy = false,
        };
        if (!tls)
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
}
