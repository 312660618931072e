namespace Sgl.Guidance;

/// <summary>
/// Orders visual tokens by importance. Ties go to the lower index, so that every machine keeps the same tokens
/// (the authors' <c>topk</c> leaves ties open).
/// </summary>
public static class Ranking
{
    /// <summary>All N_I indices, most important first.</summary>
    /// <exception cref="GuidanceException">An importance is NaN.</exception>
    public static int[] Descending(ReadOnlySpan<float> importance)
    {
        var keys = new ulong[importance.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = SortKey(importance[i], i);
        }

        Array.Sort(keys);
        return Array.ConvertAll(keys, static key => (int)(uint)key);
    }

    /// <summary>The <paramref name="count"/> most important indices, ascending, so that the sequence keeps its order.</summary>
    /// <exception cref="GuidanceException">An importance is NaN.</exception>
    public static int[] Top(ReadOnlySpan<float> importance, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, importance.Length);
        var top = Descending(importance)[..count];
        Array.Sort(top);
        return top;
    }

    /// <summary>One integer that sorts by falling value, then by rising index.</summary>
    private static ulong SortKey(float value, int index)
    {
        if (float.IsNaN(value))
        {
            throw new GuidanceException($"importance[{index}]", "is not a number");
        }

        // Adding +0 turns -0 into +0, which must tie.
        var bits = BitConverter.SingleToUInt32Bits(value + 0f);
        var rising = (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000;
        return ((ulong)~rising << 32) | (uint)index;
    }
}
