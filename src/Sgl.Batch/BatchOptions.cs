namespace Sgl.Batch;

/// <summary>How a batch is run.</summary>
public sealed record BatchOptions
{
    /// <summary>Requests in flight.</summary>
    public int Concurrency { get; init; } = 8;

    /// <summary>Tries of a request that the server had no capacity for, or that it could not be reached with.</summary>
    public int MaxAttempts { get; init; } = 8;

    /// <summary>Wait in front of the second try, doubled for each further one, where the server does not say when to come again.</summary>
    public TimeSpan Backoff { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Longest wait between two tries, also where the server says more.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>How far a batch is.</summary>
/// <param name="Done">Requests that were answered or failed, those of earlier runs included.</param>
/// <param name="Total">All requests.</param>
/// <param name="Failed">Those that failed.</param>
public readonly record struct BatchProgress(int Done, int Total, int Failed);
