using System.Net;

namespace Sgl.Hosting;

/// <summary>Where and how a service listens. Configuration section <c>Listen</c>.</summary>
public sealed class ServiceListenOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string SectionName = "Listen";

    /// <summary>IP address to bind, <c>localhost</c>, or <c>*</c> for all addresses.</summary>
    /// <value>Default <c>localhost</c>: reaching the service from outside is a choice.</value>
    public string Address { get; set; } = "localhost";

    /// <summary>Whether other machines cannot reach the service.</summary>
    public bool IsThisMachine => Address == "localhost" || (IPAddress.TryParse(Address, out var ip) && IPAddress.IsLoopback(ip));

    /// <summary>gRPC port (HTTP/2); 0 lets the system choose.</summary>
    public int Port { get; set; }

    /// <summary>Port of <c>/metrics</c>, <c>/healthz</c>, <c>/readyz</c>, plain HTTP/1.1; 0 lets the system choose; empty: none.</summary>
    public int? MetricsPort { get; set; }

    /// <summary>Port of the HTTP API (HTTP/1.1), for services that have one; 0 lets the system choose; empty: none.</summary>
    public int? HttpPort { get; set; }

    /// <summary>TLS of gRPC and HTTP port.</summary>
    public TlsOptions Tls { get; set; } = new();

    /// <summary>Longest request message in bytes.</summary>
    /// <value>Default 64 MiB.</value>
    public int MaxReceiveMessageBytes { get; set; } = 64 << 20;

    /// <summary>Longest response message in bytes.</summary>
    /// <value>Default 16 MiB.</value>
    public int MaxSendMessageBytes { get; set; } = 16 << 20;

    /// <summary>Concurrent calls on one connection. A router keeps few connections, so the framework's 100 would be a hidden queue.</summary>
    /// <value>Default 1000.</value>
    public int MaxStreamsPerConnection { get; set; } = 1000;

    /// <summary>Idle time after which the server pings a connection.</summary>
    /// <value>Default 30 s.</value>
    public TimeSpan KeepAlivePingDelay { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Time without an answer to the ping after which the connection is closed and its calls are cancelled.</summary>
    /// <value>Default 20 s.</value>
    public TimeSpan KeepAlivePingTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>On shutdown, time between reporting NOT_SERVING and refusing connections, so that load balancers notice first (a <c>preStop</c> sleep).</summary>
    /// <value>Default 0.</value>
    public TimeSpan ShutdownDelay { get; set; } = TimeSpan.Zero;

    /// <summary>On shutdown, time for running calls to end by themselves; then they are cancelled with UNAVAILABLE.</summary>
    /// <value>Default 30 s.</value>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);
}
