namespace Sgl.Client;

/// <summary>Where the router is, and who asks.</summary>
public sealed class SglClientOptions
{
    /// <summary>Address of the router's gRPC port, e.g. <c>http://localhost:5100</c>, or <c>https://router.example</c>. Required.</summary>
    public string Address { get; set; } = "";

    /// <summary>The API key or token, sent as <c>authorization: Bearer ...</c> with every call. Excludes <see cref="ApiKeySource"/>; neither: none is sent.</summary>
    public string? ApiKey { get; set; }

    /// <summary>Gives the API key or token of each call, for those that are exchanged or end. Excludes <see cref="ApiKey"/>.</summary>
    public Func<CancellationToken, ValueTask<string>>? ApiKeySource { get; set; }

    /// <summary>Whether a key may be sent without TLS to another machine, where everybody on the way can read it: inside a mesh that encrypts by itself.</summary>
    /// <value>Default false: such an address is refused at start.</value>
    public bool AllowKeyWithoutTls { get; set; }

    /// <summary>Longest time of a call, the whole answer included, unless the call says its own; it travels through all services. <see cref="System.Threading.Timeout.InfiniteTimeSpan"/>: none.</summary>
    /// <value>Default 2 min.</value>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Most bytes of one message of the router: its last one holds four bytes of importance for each visual token, where it is wanted.</summary>
    /// <value>Default 64 MiB.</value>
    public int MaxReceiveMessageBytes { get; set; } = 64 << 20;
}
