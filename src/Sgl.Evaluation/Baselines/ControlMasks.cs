using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>
/// Masks that look at nothing: the controls any pruning method has to beat. Random pruning in particular is a strong
/// baseline in published comparisons.
/// </summary>
public static class ControlMasks
{
    /// <summary>Every set of <paramref name="count"/> tokens is equally likely; equal seeds give equal masks on every machine.</summary>
    public static KeepMask Random(int visualTokens, int count, ulong seed)
    {
        RequireCount(visualTokens, count);
        var indices = new int[visualTokens];
        for (var i = 0; i < visualTokens; i++)
        {
            indices[i] = i;
        }

        // The first `count` places of a Fisher-Yates shuffle.
        var random = new SplitMix64(seed);
        for (var i = 0; i < count; i++)
        {
            var j = i + (int)random.NextBelow((ulong)(visualTokens - i));
            (indices[i], indices[j]) = (indices[j], indices[i]);
        }

        return KeepMask.FromIndices(visualTokens, indices.AsSpan(0, count));
    }

    /// <summary>Evenly spread over the sequence: token floor((i + 1/2) N / count) for i = 0..count-1.</summary>
    public static KeepMask Uniform(int visualTokens, int count)
    {
        RequireCount(visualTokens, count);
        var indices = new int[count];
        for (var i = 0; i < count; i++)
        {
            indices[i] = (int)((((2L * i) + 1) * visualTokens) / (2L * count));
        }

        return KeepMask.FromIndices(visualTokens, indices);
    }

    private static void RequireCount(int visualTokens, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(visualTokens);
        if (count < 0 || count > visualTokens)
        {
            throw new GuidanceException("keep_count", $"must be between 0 and {visualTokens}, was {count}");
        }
    }
}
