namespace Sgl.Router;

/// <summary>How one of the two model services is reached.</summary>
public sealed class BackendOptions
{
    /// <summary>
    /// Where the replicas are: a comma-separated list of <c>http://host:port</c> or <c>https://host:port</c>, or <c>dns:///host:port</c> for all addresses
    /// a name resolves to (a headless service), looked up again while running. Each replica is probed by itself, and calls go to the least busy of those
    /// that serve. All replicas of a service must serve the same model. Required.
    /// </summary>
    public string Address { get; set; } = "";

    /// <summary>Most time for one answer of this model. Small: from the request's arrival on; large: from the decision on.</summary>
    /// <value>Default 60 s for the small model, 120 s for the large one.</value>
    public TimeSpan Timeout { get; set; }

    /// <summary>Most time to connect to a replica.</summary>
    /// <value>Default 2 s.</value>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How often a name is looked up again (<c>dns:///</c> only).</summary>
    /// <value>Default 15 s.</value>
    public TimeSpan DnsRefresh { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Longest wait for the first sign of life of a call (the services send response headers as soon as they have the request, however long their queue)
    /// before it is tried on another replica that serves; without one it is waited on. One second per 8 MiB of the request is added.
    /// </summary>
    /// <value>Default 1.5 s.</value>
    public TimeSpan FirstResponseTimeout { get; set; } = TimeSpan.FromSeconds(1.5);

    /// <summary>Idle time after which a connection with running calls is pinged.</summary>
    /// <value>Default 5 s.</value>
    public TimeSpan KeepAlivePingDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Time without an answer to the ping after which the connection, and its calls, are given up.</summary>
    /// <value>Default 5 s.</value>
    public TimeSpan KeepAlivePingTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>TLS towards the replicas.</summary>
    public BackendTlsOptions Tls { get; set; } = new();
}

/// <summary>TLS towards a model service.</summary>
public sealed class BackendTlsOptions
{
    /// <summary>Use TLS with <c>dns:///</c> addresses; with a list, <c>https</c> says so.</summary>
    public bool Enabled { get; set; }

    /// <summary>PEM file with the authorities that sign the services' certificates. Default: the system's.</summary>
    public string? CaPath { get; set; }

    /// <summary>PEM file with the client certificate, for mTLS.</summary>
    public string? CertificatePath { get; set; }

    /// <summary>PEM file with the client certificate's key, unencrypted.</summary>
    public string? KeyPath { get; set; }
}
