namespace Sgl.Models.Internal;

/// <summary>Whether two stored tensors hold the same numbers.</summary>
internal static class TensorComparison
{
    private const int Chunk = 1 << 16;

    /// <param name="weights">The store of both.</param>
    /// <param name="one">A tensor.</param>
    /// <param name="other">One of the same shape; the element types may differ.</param>
    /// <returns>False where one of the two holds no floating-point numbers, too.</returns>
    public static bool Equal(TensorStore weights, TensorEntry one, TensorEntry other)
    {
        if (!TensorDataTypes.IsFloat(one.DataType) || !TensorDataTypes.IsFloat(other.DataType))
        {
            return false;
        }

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
