namespace Sgl.Models.Internal;

/// <summary>Whether two stored tensors hold the same numbers.</summary>
internal static unsafe class TensorComparison
{
    private const int Chunk = 1 << 16;

    /// <param name="weights">The store of both.</param>
    /// <param name="one">A tensor.</param>
    /// <param name="other">One of the same shape; the element types may differ.</param>
    /// <returns>False where one of the two holds no floating-point numbers, too. Of one type, they are the same if their bits are.</returns>
    public static bool Equal(TensorStore weights, TensorEntry one, TensorEntry other)
    {
        if (!TensorDataTypes.IsFloat(one.DataType) || !TensorDataTypes.IsFloat(other.DataType))
        {
            return false;
        }

        return one.DataType == other.DataType ? SameBits(weights, one, other) : SameNumbers(weights, one, other);
    }

    /// <summary>As fast as the files can be read: a head and its table may have gigabytes.</summary>
    private static bool SameBits(TensorStore weights, TensorEntry one, TensorEntry other)
    {
        const int Bytes = 1 << 26;
        var a = (byte*)weights.Pointer(one);
        var b = (byte*)weights.Pointer(other);
        for (long at = 0; at < one.ByteLength; at += Bytes)
        {
            var count = (int)Math.Min(Bytes, one.ByteLength - at);
            if (!new ReadOnlySpan<byte>(a + at, count).SequenceEqual(new ReadOnlySpan<byte>(b + at, count)))
            {
                return false;
            }
        }

        return true;
    }

    private static bool SameNumbers(TensorStore weights, TensorEntry one, TensorEntry other)
    {
        var (a, b) = (new float[Chunk], new float[Chunk]);
        for (long at = 0; at < one.ElementCount; at += Chunk)
        {
            var count = (int)Math.Min(Chunk, one.ElementCount - at);
            weights.ReadFloat32(one, at, a.AsSpan(0, count));
            weights.ReadFloat32(other, at, b.AsSpan(0, count));
            if (!a.AsSpan(0, count).SequenceEqual(b.AsSpan(0, count)))
            {
                return false;
            }
        }

        return true;
    }
}
