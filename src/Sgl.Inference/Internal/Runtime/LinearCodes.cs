using System.Buffers;
using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>A matrix rounded to 8 bits: codes [out, in] as stored order has them, scales [out].</summary>
/// <param name="Codes">int8.</param>
/// <param name="Scales">float32.</param>
/// <param name="Error">|W - W8| / |W|, Frobenius.</param>
internal sealed record LinearCodes(NativeBuffer Codes, NativeBuffer Scales, double Error) : IDisposable
{
    // Rows that one worker takes at a time: their float32 values stay in its cache.
    private const int RowsAtOnce = 16;

    // Columns that one worker writes: a line of the target in one piece.
    private const int ColumnsAtOnce = 64;

    /// <summary>Rows, out.</summary>
    public long Rows => Scales.ByteLength / sizeof(float);

    /// <summary>Rounds a matrix on all cores.</summary>
    public static LinearCodes Round(LinearMatrix matrix, int largestCode)
    {
        var inputs = checked((int)matrix.Inputs);
        var codes = new NativeBuffer(matrix.Outputs * inputs);
        var scales = new NativeBuffer(matrix.Outputs * sizeof(float));
        double lost = 0, whole = 0;
        var gate = new Lock();
        Parallel.For(0L, (matrix.Outputs + RowsAtOnce - 1) / RowsAtOnce, block =>
        {
            var first = block * RowsAtOnce;
            var count = (int)Math.Min(RowsAtOnce, matrix.Outputs - first);
            var rows = ArrayPool<float>.Shared.Rent(count * inputs);
            var values = rows.AsSpan(0, count * inputs);
            matrix.ReadRows(first, values);
            var (blockLost, blockWhole) = RowWise8.Quantize(
                values, inputs, largestCode, codes.Span<sbyte>(first * inputs, count * inputs), scales.Span<float>(first * sizeof(float), count));
            ArrayPool<float>.Shared.Return(rows);
            lock (gate)
            {
                lost += blockLost;
                whole += blockWhole;
            }
        });
        return new LinearCodes(codes, scales, whole == 0 ? 0 : double.IsFinite(whole) ? Math.Sqrt(lost / whole) : double.PositiveInfinity);
    }

    /// <summary>The codes of a matrix that is stored so.</summary>
    public static LinearCodes Of(Int8Matrix matrix)
    {
        var inputs = checked((int)matrix.Inputs);
        var codes = new NativeBuffer(matrix.Outputs * inputs);
        var scales = new NativeBuffer(matrix.Outputs * sizeof(float));
        Parallel.For(0L, matrix.Outputs, row =>
        {
            matrix.Codes(row).CopyTo(codes.Span<sbyte>(row * inputs, inputs));
            scales.Span<float>(row * sizeof(float), 1)[0] = matrix.Scale(row);
        });
        return new LinearCodes(codes, scales, 0);
    }

    /// <summary>Writes the codes as columns <paramref name="firstOutput"/>.. of [in, <paramref name="outputs"/>].</summary>
    public unsafe void WriteColumns(nint target, long outputs, long firstOutput, byte flip)
    {
        var inputs = (int)(Codes.ByteLength / Rows);
        Parallel.For(0L, (Rows + ColumnsAtOnce - 1) / ColumnsAtOnce, block =>
        {
            var first = block * ColumnsAtOnce;
            var count = (int)Math.Min(ColumnsAtOnce, Rows - first);
            RowWise8.Transpose(Codes.Span<sbyte>(first * inputs, count * inputs), inputs, (byte*)target, outputs, firstOutput + first, flip);
        });
    }

    public void Dispose()
    {
        Codes.Dispose();
        Scales.Dispose();
    }
}
