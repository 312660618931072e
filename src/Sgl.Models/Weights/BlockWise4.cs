using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sgl.Models;

/// <summary>
/// Rounds matrices to 4 bits in blocks along the inputs, with a scale and a zero point each: w[o, i] is about (code[o, i] - zero[o, b]) * scale[o, b],
/// codes and zero points 0 to 15, in the layout that <c>MatMulNBits</c> wants.
/// </summary>
public static class BlockWise4
{
    private const int Largest = 15, Together = 32, SmallestBlock = 32, LargestBlock = 64;

    // Below it a block's products are nothing beside the others', and its inverse is not finite.
    private const float SmallestScale = 1e-30f;

    // Shares of the range between a block's ends that the codes are spread over: clipping single large values can serve the others better.
    private static readonly float[] Ranges = [1, 0.94f, 0.88f, 0.82f, 0.76f];

    /// <summary>Inputs of a block in rows of this length; null where they cannot be cut.</summary>
    /// <param name="inputs">Columns of the matrix.</param>
    public static int? BlockSize(long inputs) => inputs % LargestBlock == 0 ? LargestBlock : inputs % SmallestBlock == 0 ? SmallestBlock : null;

    /// <summary>
    /// Rounds consecutive rows. Each block gets, of several clippings of its range, the one that loses least, and to its codes the scale of least squares.
    /// </summary>
    /// <param name="rows">Values, [n, inputs].</param>
    /// <param name="inputs">Columns, a multiple of the block size.</param>
    /// <param name="blockSize">Inputs of a block, a multiple of 32.</param>
    /// <param name="codes">Receives [n, inputs / 2]: two codes a byte, the earlier one in the low half.</param>
    /// <param name="scales">Receives [n, blocks].</param>
    /// <param name="zeros">Receives [n, ceil(blocks / 2)]: two zero points a byte, the earlier one in the low half.</param>
    /// <returns>Sum of squares of what was lost, and of the values; infinitely much is lost where a value is not finite.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (double Lost, double Whole) Quantize(ReadOnlySpan<float> rows, int inputs, int blockSize, Span<byte> codes, Span<float> scales, Span<byte> zeros)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(blockSize % Together, 0, nameof(blockSize));
        ArgumentOutOfRangeException.ThrowIfNotEqual(inputs % blockSize, 0, nameof(inputs));
        int blocks = inputs / blockSize, zeroBytes = (blocks + 1) / 2;
        double lost = 0, whole = 0;
        zeros.Clear();
        for (var row = 0; row < rows.Length / inputs; row++)
        {
            for (var block = 0; block < blocks; block++)
            {
                var at = (row * inputs) + (block * blockSize);
                var values = rows.Slice(at, blockSize);
                var squares = TensorPrimitives.SumOfSquares(values);
                if (!float.IsFinite(squares))
                {
                    return (double.PositiveInfinity, double.PositiveInfinity);
                }

                var (scale, zero, kept) = Round(values, codes.Slice(at / 2, blockSize / 2));
                scales[(row * blocks) + block] = scale;
                zeros[(row * zeroBytes) + (block / 2)] |= (byte)(zero << (4 * (block % 2)));
                whole += squares;
                lost += Math.Max(0, squares - kept);
            }
        }

        return (lost, whole);
    }

    /// <summary>Rounds a block.</summary>
    /// <returns>Scale, zero point, and the sum of squares that is not lost.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float Scale, int Zero, float Kept) Round(ReadOnlySpan<float> values, Span<byte> codes)
    {
        float low = Math.Min(0, TensorPrimitives.Min(values)), high = Math.Max(0, TensorPrimitives.Max(values));
        if (high - low < SmallestScale * Largest)
        {
            codes.Fill(0x88);
            return (0, 8, 0);
        }

        float kept = -1, inverse = 0, zero = 0, scale = 0;
        foreach (var range in Ranges)
        {
            var tried = (high - low) * range / Largest;
            // The middle of the range is the middle of the codes.
            var middle = Math.Clamp(MathF.Round((Largest / 2f) - ((high + low) / 2 / tried)), 0, Largest);
            var (along, length) = Fit(values, 1 / tried, middle);
            // With the scale of least squares, along / length, this much of the block's squares is kept.
            var keeps = length == 0 ? 0 : along * along / length;
            if (keeps > kept)
            {
                (kept, inverse, zero, scale) = (keeps, 1 / tried, middle, length == 0 ? 0 : along / length);
            }
        }

        Write(values, inverse, zero, codes);
        return (scale, (int)zero, kept);
    }

    /// <summary>Products of a block's values with its codes, and of the codes with themselves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float Along, float Length) Fit(ReadOnlySpan<float> values, float inverse, float zero)
    {
        Vector256<float> along = default, length = default, inverses = Vector256.Create(inverse), low = Vector256.Create(-zero), high = Vector256.Create(Largest - zero);
        for (var i = 0; i < values.Length; i += Vector256<float>.Count)
        {
            var x = Vector256.Create(values[i..]);
            var q = Vector256.Min(Vector256.Max(Vector256.Round(x * inverses), low), high);
            along += x * q;
            length += q * q;
        }

        return (Vector256.Sum(along), Vector256.Sum(length));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Write(ReadOnlySpan<float> values, float inverse, float zero, Span<byte> codes)
    {
        Vector256<float> inverses = Vector256.Create(inverse), zeros = Vector256.Create(zero), low = Vector256.Create(-zero), high = Vector256.Create(Largest - zero);
        for (var i = 0; i < values.Length; i += Together)
        {
            Vector256<int> Eight(ReadOnlySpan<float> x) =>
                Vector256.ConvertToInt32(Vector256.Min(Vector256.Max(Vector256.Round(Vector256.Create(x) * inverses), low), high) + zeros);

            var front = Vector256.Narrow(Eight(values[i..]), Eight(values[(i + 8)..]));
            var back = Vector256.Narrow(Eight(values[(i + 16)..]), Eight(values[(i + 24)..]));
            var pairs = Vector256.Narrow(front, back).AsUInt16();
            // Of each pair the earlier code is the low byte.
            var halves = (pairs | (pairs >> 4)) & Vector256.Create((ushort)0xFF);
            Vector256.Narrow(halves, halves).GetLower().CopyTo(codes[(i / 2)..]);
        }
    }
}
