namespace Sgl.Router;

/// <summary>What is known of one model service.</summary>
/// <param name="Serving">Whether it said SERVING when last asked.</param>
/// <param name="Info">Its model; null until it was reached once.</param>
/// <param name="Problem">Why it does not serve; empty while it does.</param>
internal sealed record BackendState(bool Serving, Wire.ModelInfo? Info, string Problem)
{
    /// <summary>What is wrong with single replicas, whether or not others serve.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    public static BackendState Unknown { get; } = new(false, null, "it was not reached yet");
}

/// <summary>What is known of both, and whether they fit together.</summary>
internal sealed record ModelPair(BackendState Small, BackendState Large, string PairingProblem)
{
    public static ModelPair Unknown { get; } = new(BackendState.Unknown, BackendState.Unknown, "");

    /// <summary>What the policies ask for that means nothing to these two.</summary>
    public IReadOnlyList<string> Idle { get; init; } = [];

    /// <summary>A limit that both models keep; null where neither tells one.</summary>
    public long? Least(Func<Wire.ModelInfo, long> limit)
    {
        long? least = null;
        foreach (var info in new[] { Small.Info, Large.Info })
        {
            // 0 stands for a limit that the service does not tell.
            if (info is not null && limit(info) is > 0 and var value)
            {
                least = Math.Min(least ?? value, value);
            }
        }

        return least;
    }
}
