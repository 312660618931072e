namespace Sgl.Hosting;

/// <summary>A queue or budget is full: RESOURCE_EXHAUSTED with a <c>google.rpc.RetryInfo</c>.</summary>
public sealed class OverloadedException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What is full; shown to the client.</param>
    /// <param name="retryAfter">When to try again.</param>
    public OverloadedException(string message, TimeSpan retryAfter)
        : base(message) => RetryAfter = retryAfter;

    /// <summary>When to try again.</summary>
    public TimeSpan RetryAfter { get; }
}
