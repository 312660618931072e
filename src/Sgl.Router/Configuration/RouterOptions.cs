namespace Sgl.Router;

/// <summary>Settings of the router. Configuration section <c>Router</c>.</summary>
public sealed class RouterOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string SectionName = "Router";

    /// <summary>The small model.</summary>
    public BackendOptions Small { get; set; } = new() { Timeout = TimeSpan.FromSeconds(60) };

    /// <summary>The large model.</summary>
    public BackendOptions Large { get; set; } = new() { Timeout = TimeSpan.FromSeconds(120) };

    /// <summary>Retries towards both.</summary>
    public RetryOptions Retry { get; set; } = new();

    /// <summary>When replicas whose calls fail are left out.</summary>
    public EjectionOptions Ejection { get; set; } = new();

    /// <summary>The policy for requests that bring none.</summary>
    public PolicyOptions Policy { get; set; } = new();

    /// <summary>Further policies, which requests may name.</summary>
    public IList<NamedPolicyOptions> Policies { get; } = [];

    /// <summary>Whether the large model says now and then what it thinks of small answers that were final.</summary>
    public SecondOpinionOptions SecondOpinion { get; set; } = new();

    /// <summary>The HTTP API.</summary>
    public HttpApiOptions Http { get; set; } = new();

    /// <summary>Whether the HTTP port has a page at <c>/</c>, on which people ask, and a dashboard.</summary>
    /// <value>Default: where <c>Listen:Address</c> is this machine alone (localhost, 127.0.0.1, ::1).</value>
    public bool? Page { get; set; }

    /// <summary>
    /// Whether anybody may ask without a key where the router listens beyond this machine (<c>Listen:Address</c>). Without this and without keys (section
    /// <c>Access</c>) it does not start there.
    /// </summary>
    /// <value>Default false.</value>
    public bool Anonymous { get; set; }

    /// <summary>
    /// Names by which the router may be asked (<c>Host</c>, <c>:authority</c>) beside localhost and addresses, e.g. <c>sgl.example.org</c> or <c>*.example.org</c>; <c>*</c>: any.
    /// Requests that were meant for another host are refused: pages of the web could reach a router without keys by making their own name lead to this machine.
    /// </summary>
    /// <value>Default: none where the router listens on this machine alone and asks for no keys, any elsewhere.</value>
    public IList<string> AllowedHosts { get; } = [];

    /// <summary>
    /// Most requests in work at once; further ones are refused with RESOURCE_EXHAUSTED. Each holds its images in memory until it is answered, and the model
    /// services have queues of their own, so this is a guard and not a queue.
    /// </summary>
    /// <value>Default 1000.</value>
    public int MaxConcurrentRequests { get; set; } = 1000;

    /// <summary>
    /// How often every replica is asked for health and model, on a connection of its own; besides, at once when its health changes or a call to it breaks.
    /// </summary>
    /// <value>Default 2 s.</value>
    public TimeSpan HealthInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Most time for the answer to such a question. A replica that is silent for longer gets no further calls where another one serves.</summary>
    /// <value>Default 1 s.</value>
    public TimeSpan ProbeTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Time before a request's deadline at which the large model counts as late, so that the degraded answer still reaches the client. Used where the policy
    /// is to degrade.
    /// </summary>
    /// <value>Default 200 ms.</value>
    public TimeSpan DegradeMargin { get; set; } = TimeSpan.FromMilliseconds(200);
}
