using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Sgl.Models;

/// <summary>
/// Rounds matrices to 8 bits with one scale per row: w[o, i] is about code[o, i] * scale[o], |code| at most 127, or 63 on processors that multiply pairs of
/// bytes into 16 bits with saturation.
/// </summary>
public static class RowWise8
{
    // Weights are rounded once, at load: without AggressiveOptimization most of it would be over before the code is compiled for speed.
    private const int Leaf7 = 7;
    private const int VnniOf512 = 11, VnniOf256 = 4;

    // Bytes of a vector that is interleaved.
    private const int Square = 16;

    /// <summary>Whether this processor adds products of 8-bit numbers without saturation: AVX-512 VNNI, AVX-VNNI, or Arm.</summary>
    public static bool ProcessorTakes8Bits { get; } = TakesEightBits();

    /// <summary>Largest code that this processor can multiply by unsigned 8-bit activations without saturation.</summary>
    public static int LargestCode => ProcessorTakes8Bits ? 127 : 63;

    /// <summary>Bits of a weight here, 7 or 8.</summary>
    public static int Bits => ProcessorTakes8Bits ? 8 : 7;

    /// <summary>Rounds consecutive rows.</summary>
    /// <param name="rows">Values, [n, inputs]; used as work space.</param>
    /// <param name="inputs">Columns.</param>
    /// <param name="largest">Largest code.</param>
    /// <param name="codes">Receives [n, inputs].</param>
    /// <param name="scales">Receives [n].</param>
    /// <returns>Sum of squares of what was lost, and of the values; infinitely much is lost where a value is not finite.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (double Lost, double Whole) Quantize(Span<float> rows, int inputs, int largest, Span<sbyte> codes, Span<float> scales)
    {
        double lost = 0, whole = 0;
        for (var r = 0; r < scales.Length; r++)
        {
            var row = rows.Slice(r * inputs, inputs);
            var peak = MathF.Abs(TensorPrimitives.MaxMagnitude<float>(row));
            if (!float.IsFinite(peak))
            {
                return (double.PositiveInfinity, double.PositiveInfinity);
            }

            whole += TensorPrimitives.SumOfSquares<float>(row);
            scales[r] = peak == 0 ? 1 : peak / largest;
            Round(row, scales[r], codes.Slice(r * inputs, inputs));
            lost += TensorPrimitives.SumOfSquares<float>(row);
        }

        return (lost, whole);
    }

    /// <summary>Writes codes of rows [n, inputs] as columns of [inputs, outputs].</summary>
    /// <param name="codes">[n, inputs].</param>
    /// <param name="inputs">Columns of the codes.</param>
    /// <param name="target">First byte of [inputs, outputs].</param>
    /// <param name="outputs">Row length of the target.</param>
    /// <param name="firstOutput">Column of the first row.</param>
    /// <param name="flip">Added to each byte without carry: 0, or 128 to make int8 unsigned.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void Transpose(ReadOnlySpan<sbyte> codes, int inputs, byte* target, long outputs, long firstOutput, byte flip)
    {
        var rows = codes.Length / inputs;
        var (wholeRows, wholeInputs) = Zips ? (rows - (rows % Square), inputs - (inputs % Square)) : (0, 0);
        fixed (sbyte* first = codes)
        {
            var source = (byte*)first;
            for (var i = 0; i < wholeInputs; i += Square)
            {
                for (var r = 0; r < wholeRows; r += Square)
                {
                    TransposeSquare(source + ((long)r * inputs) + i, inputs, target + (i * outputs) + firstOutput + r, outputs, flip);
                }
            }

            for (var i = 0; i < inputs; i++)
            {
                var line = target + (i * outputs) + firstOutput;
                for (var r = i < wholeInputs ? wholeRows : 0; r < rows; r++)
                {
                    line[r] = (byte)(source[((long)r * inputs) + i] ^ flip);
                }
            }
        }
    }

    /// <summary>Four times each line of the upper half is interleaved with its like of the lower half: that moves byte (r, i) to (i, r).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void TransposeSquare(byte* source, int stride, byte* target, long outputs, byte flip)
    {
        var lines = stackalloc Vector128<byte>[2 * Square];
        var next = lines + Square;
        var flips = Vector128.Create(flip);
        for (var r = 0; r < Square; r++)
        {
            lines[r] = Vector128.Load(source + ((long)r * stride)) ^ flips;
        }

        for (var round = 0; round < BitOperations.Log2(Square); round++)
        {
            for (var r = 0; r < Square / 2; r++)
            {
                var (upper, lower) = (lines[r], lines[r + (Square / 2)]);
                if (Sse2.IsSupported)
                {
                    (next[2 * r], next[(2 * r) + 1]) = (Sse2.UnpackLow(upper, lower), Sse2.UnpackHigh(upper, lower));
                }
                else
                {
                    (next[2 * r], next[(2 * r) + 1]) = (AdvSimd.Arm64.ZipLow(upper, lower), AdvSimd.Arm64.ZipHigh(upper, lower));
                }
            }

            var done = next;
            next = lines;
            lines = done;
        }

        for (var i = 0; i < Square; i++)
        {
            lines[i].Store(target + (i * outputs));
        }
    }

    /// <summary>Leaves in <paramref name="row"/> what is lost.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Round(Span<float> row, float scale, Span<sbyte> codes)
    {
        var inverse = 1 / scale;
        if (!float.IsFinite(inverse))
        {
            // A row of denormal numbers: its products are nothing beside the others'.
            codes.Clear();
            return;
        }

        // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number, ties to even, for what is below 2^22.
        const float Rounder = 12582912f;
        var i = 0;
        var step = Vector<sbyte>.Count;
        var quarter = Vector<float>.Count;
        var scales = new Vector<float>(scale);
        var inverses = new Vector<float>(inverse);
        var rounder = new Vector<float>(Rounder);
        for (; i <= row.Length - step; i += step)
        {
            Vector<int> Four(Span<float> values, int at)
            {
                var x = new Vector<float>(values[at..]);
                var q = ((x * inverses) + rounder) - rounder;
                (x - (q * scales)).CopyTo(values[at..]);
                return Vector.ConvertToInt32(q);
            }

            var low = Vector.Narrow(Four(row, i), Four(row, i + quarter));
            var high = Vector.Narrow(Four(row, i + (2 * quarter)), Four(row, i + (3 * quarter)));
            Vector.Narrow(low, high).CopyTo(codes[i..]);
        }

        for (; i < row.Length; i++)
        {
            var q = ((row[i] * inverse) + Rounder) - Rounder;
            codes[i] = (sbyte)q;
            row[i] -= q * scale;
        }
    }

    private static bool Zips => Sse2.IsSupported || AdvSimd.Arm64.IsSupported;

    private static bool TakesEightBits()
    {
        if (!X86Base.IsSupported)
        {
            return true;
        }

        if (X86Base.CpuId(0, 0).Eax < Leaf7)
        {
            return false;
        }

        // The runtime knows whether the system saves the wide registers, which the processor's own flags do not tell.
        return (Avx512F.IsSupported && ((X86Base.CpuId(Leaf7, 0).Ecx >> VnniOf512) & 1) != 0)
            || (Avx2.IsSupported && X86Base.CpuId(Leaf7, 0).Eax >= 1 && ((X86Base.CpuId(Leaf7, 1).Eax >> VnniOf256) & 1) != 0);
    }
}
