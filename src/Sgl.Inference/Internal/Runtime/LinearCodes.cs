using System.Buffers;
using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>A matrix in 8 bits: codes as columns [in, out], as products want them, scales [out].</summary>
/// <param name="Columns">int8, or uint8 around 128.</param>
/// <param name="Scales">float32.</param>
/// <param name="Error">|W - W8| / |W|, Frobenius; 0 for what is stored so.</param>
internal sealed record LinearCodes(NativeBuffer Columns, NativeBuffer Scales, double Error) : IDisposable
{
    // Rows whose float32 values stay in a worker's cache, and rows whose codes make a line of the columns.
    private const int RowsAtOnce = 16, RowsOfALine = 64;

    private const byte SignBit = 128;

    /// <summary>Rows of the matrix, out.</summary>
    public long Rows => Scales.ByteLength / sizeof(float);

    /// <summary>Rounds a matrix on all cores. No row's codes lie anywhere but in a worker's cache before they stand as columns.</summary>
    public static LinearCodes Round(LinearMatrix matrix, int largestCode)
    {
        var inputs = checked((int)matrix.Inputs);
        double lost = 0, whole = 0;
        var gate = new Lock();
        return Make(matrix, flip: 0, (first, codes, scales) =>
        {
            var rows = ArrayPool<float>.Shared.Rent(RowsAtOnce * inputs);
            double lineLost = 0, lineWhole = 0;
            for (var row = 0; row < scales.Length; row += RowsAtOnce)
            {
                var count = Math.Min(RowsAtOnce, scales.Length - row);
                var values = rows.AsSpan(0, count * inputs);
                matrix.ReadRows(first + row, values);
                var (someLost, someWhole) = RowWise8.Quantize(values, inputs, largestCode, codes.Slice(row * inputs, count * inputs), scales.Slice(row, count));
                lineLost += someLost;
                lineWhole += someWhole;
            }

            ArrayPool<float>.Shared.Return(rows);
            lock (gate)
            {
                lost += lineLost;
                whole += lineWhole;
            }
        }) with
        { Error = whole == 0 ? 0 : double.IsFinite(whole) ? Math.Sqrt(lost / whole) : double.PositiveInfinity };
    }

    /// <summary>The codes of a matrix that is stored so.</summary>
    public static LinearCodes Of(Int8Matrix matrix, bool unsigned)
    {
        var inputs = checked((int)matrix.Inputs);
        return Make(matrix, unsigned ? SignBit : (byte)0, (first, codes, scales) =>
        {
            for (var row = 0; row < scales.Length; row++)
            {
                matrix.Codes(first + row).CopyTo(codes[(row * inputs)..]);
                scales[row] = matrix.Scale(first + row);
            }
        });
    }

    /// <summary>Copies the columns into wider ones [in, <paramref name="outputs"/>], from <paramref name="firstOutput"/> on.</summary>
    public unsafe void CopyTo(NativeBuffer target, long outputs, long firstOutput)
    {
        byte* from = (byte*)Columns.Pointer, to = (byte*)target.Pointer + firstOutput;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstOutput + Rows, outputs);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Columns.ByteLength / Rows * outputs, target.ByteLength);
        var rows = Rows;
        Parallel.For(0L, Columns.ByteLength / rows, column => Buffer.MemoryCopy(from + (column * rows), to + (column * outputs), rows, rows));
    }

    public void Dispose()
    {
        Columns.Dispose();
        Scales.Dispose();
    }

    /// <summary>Has the codes of rows made, line by line of the columns, on all cores.</summary>
    private static unsafe LinearCodes Make(LinearMatrix matrix, byte flip, Line line)
    {
        var inputs = checked((int)matrix.Inputs);
        var columns = NativeBuffer.OnLargePages(matrix.Outputs * inputs);
        var scales = new NativeBuffer(matrix.Outputs * sizeof(float));
        Parallel.For(0L, (matrix.Outputs + RowsOfALine - 1) / RowsOfALine, block =>
        {
            var first = block * RowsOfALine;
            var count = (int)Math.Min(RowsOfALine, matrix.Outputs - first);
            var codes = ArrayPool<sbyte>.Shared.Rent(count * inputs);
            line(first, codes.AsSpan(0, count * inputs), scales.Span<float>(first * sizeof(float), count));
            RowWise8.Transpose(codes.AsSpan(0, count * inputs), inputs, (byte*)columns.Pointer, matrix.Outputs, first, flip);
            ArrayPool<sbyte>.Shared.Return(codes);
        });
        return new LinearCodes(columns, scales, 0);
    }

    /// <summary>Makes the codes [n, in] and scales [n] of rows.</summary>
    private delegate void Line(long firstRow, Span<sbyte> codes, Span<float> scales);
}
