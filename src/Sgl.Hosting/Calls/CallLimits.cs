namespace Sgl.Hosting;

/// <summary>What one call, and all calls together, may take of a service. Configuration section <c>Calls</c>.</summary>
public sealed class CallLimits
{
    /// <summary>Name of the configuration section.</summary>
    public const string SectionName = "Calls";

    /// <summary>Longest life of a call, whatever deadline its client set; it then ends with DEADLINE_EXCEEDED. Health watches and reflection are not bound by it.</summary>
    /// <value>Default 10 minutes.</value>
    public TimeSpan MaxDuration { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Longest pause within an upload, and longest wait for its first byte; each stream by itself, so that one that stalls harms none beside it on the same
    /// connection. An upload slower than 240 bytes a second on average counts as stalled too. The pause between two messages of a stream is not meant.
    /// </summary>
    /// <value>Default 10 s.</value>
    public TimeSpan ReadTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest time in which a client takes nothing of what is written to it; then its stream is reset and all that it holds is freed.</summary>
    /// <value>Default 20 s.</value>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Most bytes of request messages that all calls hold together, from the length a message announces until its call ends; further ones are refused with
    /// RESOURCE_EXHAUSTED before they are read. A JSON body counts <see cref="JsonWeight"/> times. One message of the longest kind fits where no other is held.
    /// </summary>
    /// <value>Default 512 MiB, or a quarter of the memory that the process may have (of its container, or of the runtime's heap limit) where that is less.</value>
    public long MaxBytesInFlight { get; set; } = DefaultBytesInFlight(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>Most calls at once, whatever they do; further ones are refused with RESOURCE_EXHAUSTED before they are read.</summary>
    /// <value>Default 2000.</value>
    public int MaxConcurrent { get; set; } = 2000;

    /// <summary>What a byte of a JSON body costs: the body, its text as UTF-16, the decoded pictures.</summary>
    internal const int JsonWeight = 3;

    // A process takes some two and a half times what the messages have: as they came, their pictures, what is sent on.
    internal static long DefaultBytesInFlight(long available) => Math.Clamp(available / 4, 16 << 20, 512 << 20);
}
