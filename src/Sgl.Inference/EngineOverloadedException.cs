namespace Sgl.Inference;

/// <summary>The engine's queue is full; trying again later may work.</summary>
public sealed class EngineOverloadedException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What is full.</param>
    /// <param name="retryAfter">When to try again.</param>
    public EngineOverloadedException(string message, TimeSpan retryAfter)
        : base(message) => RetryAfter = retryAfter;

    /// <summary>When to try again.</summary>
    public TimeSpan RetryAfter { get; }
}
