using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sgl.Models;

/// <summary>
/// Rounds matrices to 8 bits in blocks along the inputs with a scale each: w[o, i] is about (code[o, i] - 128) * scale[o, b], codes 1 to 255, in the layout that <c>MatMulNBits</c> wants.
/// A block of n values loses at most sqrt(n - 1) / 254 of its length, 3.1 % for 64, and 0.6 % where they are distributed normally.
/// </summary>
public static class BlockWise8
{
    /// <summary>What stands for 0.</summary>
    public const byte Zero = 128;

    private const int Largest = 127, Together = 32;

    /// <summary>Rounds consecutive rows.</summary>
    /// <param name="rows">Values, [n, inputs].</param>
    /// <param name="inputs">Columns, a multiple of the block size.</param>
    /// <param name="blockSize">Inputs of a block, a multiple of 32.</param>
    /// <param name="scaleType">Type that scales are stored in: codes are chosen for the stored ones.</param>
    /// <param name="codes">Receives [n, inputs].</param>
    /// <param name="scales">Receives [n, blocks], numbers of <paramref name="scaleType"/>.</param>
    /// <returns>Sum of squares of what was lost, and of the values; infinitely much is lost where a value is not finite.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (double Lost, double Whole) Quantize(ReadOnlySpan<float> rows, int inputs, int blockSize, ComputeType scaleType, Span<byte> codes, Span<float> scales)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(blockSize % Together, 0, nameof(blockSize));
        ArgumentOutOfRangeException.ThrowIfNotEqual(inputs % blockSize, 0, nameof(inputs));
        double lost = 0, whole = 0;
        for (int at = 0, block = 0; at < rows.Length; at += blockSize, block++)
        {
            var values = rows.Slice(at, blockSize);
            var squares = TensorPrimitives.SumOfSquares(values);
            if (!float.IsFinite(squares))
            {
                return (double.PositiveInfinity, double.PositiveInfinity);
            }

            whole += squares;
            var scale = Stored(MathF.Abs(TensorPrimitives.MaxMagnitude(values)) / Largest, scaleType);
            var inverse = 1 / scale;
            if (!float.IsFinite(inverse))
            {
                // Nothing beside the products of other blocks.
                (scales[block], lost) = (0, lost + squares);
                codes.Slice(at, blockSize).Fill(Zero);
                continue;
            }

            scales[block] = scale;
            lost += Round(values, scale, inverse, codes.Slice(at, blockSize));
        }

        return (lost, whole);
    }

    /// <summary>Writes a block's codes.</summary>
    /// <returns>Sum of squares of what was lost.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Round(ReadOnlySpan<float> values, float scale, float inverse, Span<byte> codes)
    {
        Vector256<float> inverses = Vector256.Create(inverse), scales = Vector256.Create(scale), lost = default;
        Vector256<float> low = Vector256.Create((float)-Largest), high = Vector256.Create((float)Largest);
        for (var i = 0; i < values.Length; i += Together)
        {
            Vector256<int> Eight(ReadOnlySpan<float> x)
            {
                var value = Vector256.Create(x);
                var code = Vector256.Min(Vector256.Max(Vector256.Round(value * inverses), low), high);
                var difference = value - (code * scales);
                lost += difference * difference;
                return Vector256.ConvertToInt32(code);
            }

            var front = Vector256.Narrow(Eight(values[i..]), Eight(values[(i + 8)..]));
            var back = Vector256.Narrow(Eight(values[(i + 16)..]), Eight(values[(i + 24)..]));
            // Adding 128 to a signed byte is turning its highest bit over.
            (Vector256.Narrow(front, back).AsByte() ^ Vector256.Create(Zero)).CopyTo(codes[i..]);
        }

        return Vector256.Sum(lost);
    }

    private static float Stored(float scale, ComputeType type) => type switch
    {
        ComputeType.Float16 => (float)(Half)scale,
        // To the nearest, even on ties.
        ComputeType.BFloat16 => BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(scale) + 0x7FFF + ((BitConverter.SingleToUInt32Bits(scale) >> 16) & 1)) & 0xFFFF0000),
        _ => scale,
    };
}
