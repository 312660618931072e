namespace Sgl.Router;

/// <summary>When a replica whose calls fail is left out, and for how long.</summary>
public sealed class EjectionOptions
{
    /// <summary>
    /// Failures in a row after which a replica is left out although its probes succeed. Failures are what the replica is to blame for: UNAVAILABLE, a
    /// broken connection, INTERNAL; not refused requests, full queues or calls that ended with their client. Silence is enough once.
    /// </summary>
    /// <value>Default 3.</value>
    public int ConsecutiveFailures { get; set; } = 3;

    /// <summary>How long it is left out the first time; doubled each further time. Then one call at a time is tried until one succeeds.</summary>
    /// <value>Default 5 s.</value>
    public TimeSpan BaseTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest time it is left out. One that stood firm for as long has a clean record again.</summary>
    /// <value>Default 1 minute.</value>
    public TimeSpan MaxTime { get; set; } = TimeSpan.FromMinutes(1);
}
