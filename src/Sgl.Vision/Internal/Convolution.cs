using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Sgl.Vision.Internal;

/// <summary>The inner loops of the resampler: int32 sums of bytes times fixed-point weights.</summary>
internal static class Convolution
{
    /// <summary>Convolves along one row of RGB pixels.</summary>
    /// <param name="source">The row and at least one byte more.</param>
    /// <param name="weights">Weights of the horizontal axis.</param>
    /// <param name="target">Three bytes for each output pixel.</param>
    public static void Row(ReadOnlySpan<byte> source, ResampleWeights weights, Span<byte> target)
    {
        ref var pixels = ref MemoryMarshal.GetReference(source);
        var first = weights.First;
        var count = weights.Count;
        for (var o = 0; o < first.Length; o++)
        {
            var taps = weights.Weights.AsSpan(o * weights.Taps, count[o]);
            if (source.Length < (3 * (first[o] + taps.Length)) + 1)
            {
                throw new ArgumentException("The row is shorter than the weights reach.", nameof(source));
            }

            ref var pixel = ref Unsafe.Add(ref pixels, 3 * first[o]);
            var even = Vector128.Create(ResampleWeights.Rounding);
            var odd = Vector128<int>.Zero;
            var t = 0;
            for (; t + 1 < taps.Length; t += 2)
            {
                even += LoadPixel(ref pixel) * taps[t];
                odd += LoadPixel(ref Unsafe.Add(ref pixel, 3)) * taps[t + 1];
                pixel = ref Unsafe.Add(ref pixel, 6);
            }

            if (t < taps.Length)
            {
                even += LoadPixel(ref pixel) * taps[t];
            }

            var sum = (even + odd) >> ResampleWeights.FractionBits;
            sum = Vector128.Min(Vector128.Max(sum, Vector128<int>.Zero), Vector128.Create(255));
            target[(3 * o) + 2] = (byte)sum.GetElement(2);
            target[(3 * o) + 1] = (byte)sum.GetElement(1);
            target[3 * o] = (byte)sum.GetElement(0);
        }
    }

    /// <summary>Convolves down the columns to one row.</summary>
    /// <param name="rows">As many rows as there are weights.</param>
    /// <param name="stride">Bytes of a row.</param>
    /// <param name="weights">One weight for each row.</param>
    /// <param name="target">The row.</param>
    public static void Column(ReadOnlySpan<byte> rows, int stride, ReadOnlySpan<int> weights, Span<byte> target)
    {
        if (rows.Length < (long)stride * weights.Length || target.Length < stride)
        {
            throw new ArgumentException("There are fewer rows than weights.", nameof(rows));
        }

        ref var source = ref MemoryMarshal.GetReference(rows);
        ref var result = ref MemoryMarshal.GetReference(target);
        var x = 0;
        for (; x + 16 <= stride; x += 16)
        {
            var a = Vector128.Create(ResampleWeights.Rounding);
            var b = a;
            var c = a;
            var d = a;
            ref var at = ref Unsafe.Add(ref source, x);
            foreach (var weight in weights)
            {
                var w = Vector128.Create(weight);
                var (low, high) = Vector128.Widen(Vector128.LoadUnsafe(ref at));
                var (p, q) = Vector128.Widen(low.AsInt16());
                var (r, s) = Vector128.Widen(high.AsInt16());
                a += p * w;
                b += q * w;
                c += r * w;
                d += s * w;
                at = ref Unsafe.Add(ref at, stride);
            }

            var bytes = Vector128.Narrow(
                Vector128.Narrow(ToByteRange(a), ToByteRange(b)).AsUInt16(), Vector128.Narrow(ToByteRange(c), ToByteRange(d)).AsUInt16());
            bytes.StoreUnsafe(ref result, (nuint)x);
        }

        for (; x < stride; x++)
        {
            var sum = ResampleWeights.Rounding;
            for (var t = 0; t < weights.Length; t++)
            {
                sum += rows[(t * stride) + x] * weights[t];
            }

            target[x] = (byte)Math.Clamp(sum >> ResampleWeights.FractionBits, 0, 255);
        }
    }

    private static Vector128<int> ToByteRange(Vector128<int> sum) =>
        Vector128.Min(Vector128.Max(sum >> ResampleWeights.FractionBits, Vector128<int>.Zero), Vector128.Create(255));

    /// <summary>A pixel's three bytes as int32; the fourth is its neighbour's red and is never looked at.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> LoadPixel(ref byte pixel)
    {
        var bytes = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(ref pixel)).AsByte();
        return Vector128.WidenLower(Vector128.WidenLower(bytes)).AsInt32();
    }
}
