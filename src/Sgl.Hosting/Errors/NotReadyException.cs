namespace Sgl.Hosting;

/// <summary>The service cannot serve yet or at the moment: UNAVAILABLE with a <c>google.rpc.RetryInfo</c>.</summary>
public sealed class NotReadyException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What is missing; shown to the client.</param>
    /// <param name="retryAfter">When to try again.</param>
    public NotReadyException(string message, TimeSpan retryAfter)
        : base(message) => RetryAfter = retryAfter;

    /// <summary>When to try again.</summary>
    public TimeSpan RetryAfter { get; }
}
