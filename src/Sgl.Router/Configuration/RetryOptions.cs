namespace Sgl.Router;

/// <summary>
/// Retries towards the model services, on another replica where there is one: where a replica is away, silent, UNAVAILABLE, or full. After the first token
/// only where another replica serves and the answer comes out the same when it is made again (greedy, or with a seed): it is taken up there, and no token
/// is shown twice. Exponential backoff with full jitter where there is no other replica. This is the only retry loop in the system; a mesh in front should
/// not add another.
/// </summary>
public sealed class RetryOptions
{
    /// <summary>Attempts per hop, the first included; 1 means no retries.</summary>
    /// <value>Default 3.</value>
    public int MaxAttempts { get; set; } = 3;

    /// <summary>Upper bound of the wait before the first retry; doubled for each further one.</summary>
    /// <value>Default 50 ms.</value>
    public TimeSpan InitialBackoff { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Upper bound of any wait.</summary>
    /// <value>Default 1 s.</value>
    public TimeSpan MaxBackoff { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Retries allowed per request in the long run, so that retries cannot multiply an outage's load. Leaving a replica that broke for another one that
    /// serves is free.
    /// </summary>
    /// <value>Default 0.2.</value>
    public double BudgetRatio { get; set; } = 0.2;

    /// <summary>Retries allowed at once after a quiet time.</summary>
    /// <value>Default 10.</value>
    public int BudgetBurst { get; set; } = 10;
}
