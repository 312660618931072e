namespace Sgl.Router;

/// <summary>How one of the two model services is reached.</summary>
public sealed class BackendOptions
{
    /// <summary>
    /// Where the replicas are: a comma-separated list of <c>http://host:port</c> or <c>https://host:port</c>, or <c>dns:///host:port</c> for all addresses
    /// a name resolves to (a headless service), looked up again while running. Calls go round-robin over the replicas that can be connected to. Required.
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

    /// <summary>Idle time after which a connection with running calls is pinged.</summary>
    /// <value>Default 30 s.</value>
    public TimeSpan KeepAlivePingDelay { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Time without an answer to the ping after which the connection, and its calls, are given up.</summary>
    /// <value>Default 20 s.</value>
    public TimeSpan KeepAlivePingTimeout { get; set; } = TimeSpan.FromSeconds(20);

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
