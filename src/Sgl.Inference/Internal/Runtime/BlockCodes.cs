using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>A matrix in 4 or 8 bits as MatMulNBits wants it: blocks along the inputs, of 4 bits two codes a byte with the earlier one in the low half.</summary>
/// <param name="Values">uint8 [out, blocks, block size / 2], or [out, blocks, block size].</param>
/// <param name="Scales">float32 [out * blocks].</param>
/// <param name="Zeros">uint8 [out * ceil(blocks / 2)]; null for 8 bits, whose codes are around 128.</param>
/// <param name="Error">|W - W'| / |W|, Frobenius; 0 for what is stored so.</param>
internal sealed record BlockCodes(NativeBuffer Values, NativeBuffer Scales, NativeBuffer? Zeros, double Error) : IDisposable
{
    private const int RowsAtOnce = 64;

    // Rows that one worker rounds at a time: their float32 values stay in its cache.
    private const int RowsRoundedAtOnce = 16;

    /// <summary>The blocks of a matrix that is stored so.</summary>
    public static BlockCodes Of(Int4Matrix matrix, int blockSize) => new(Stored(matrix, blockSize), ScalesOf(matrix, blockSize), ZerosOf(matrix, blockSize), 0);

    /// <summary>The blocks of a matrix that is stored in 8 bits: all of a row have its scale.</summary>
    public static BlockCodes Of(Int8Matrix matrix, int blockSize)
    {
        int inputs = checked((int)matrix.Inputs), blocks = inputs / blockSize;
        NativeBuffer values = new(matrix.Outputs * inputs), scales = new(matrix.Outputs * blocks * sizeof(float));
        Parallel.For(0L, matrix.Outputs, row =>
        {
            var codes = MemoryMarshal.AsBytes(matrix.Codes(row));
            var target = values.Span<byte>(row * inputs, inputs);
            TensorPrimitives.Xor(codes, BlockWise8.Zero, target);
            scales.Span<float>(row * blocks * sizeof(float), blocks).Fill(matrix.Scale(row));
        });
        return new BlockCodes(values, scales, null, 0);
    }

    /// <summary>Rounds a matrix to 4 bits on all cores.</summary>
    public static BlockCodes Round(LinearMatrix matrix, int blockSize)
    {
        int inputs = checked((int)matrix.Inputs), blocks = inputs / blockSize, zeroBytes = (blocks + 1) / 2;
        NativeBuffer values = NativeBuffer.OnLargePages(matrix.Outputs * inputs / 2), scales = new(matrix.Outputs * blocks * sizeof(float)), zeros = new(matrix.Outputs * zeroBytes);
        var error = EachPart(matrix, (first, count, rows) => BlockWise4.Quantize(
            rows,
            inputs,
            blockSize,
            values.Span<byte>(first * inputs / 2, count * inputs / 2),
            scales.Span<float>(first * blocks * sizeof(float), count * blocks),
            zeros.Span<byte>(first * zeroBytes, count * zeroBytes)));
        return new BlockCodes(values, scales, zeros, error);
    }

    /// <summary>Rounds a matrix to 8 bits on all cores.</summary>
    public static BlockCodes Round8(LinearMatrix matrix, int blockSize, ComputeType scaleType)
    {
        int inputs = checked((int)matrix.Inputs), blocks = inputs / blockSize;
        NativeBuffer values = new(matrix.Outputs * inputs), scales = new(matrix.Outputs * blocks * sizeof(float));
        var error = EachPart(matrix, (first, count, rows) => BlockWise8.Quantize(
            rows, inputs, blockSize, scaleType, values.Span<byte>(first * inputs, count * inputs), scales.Span<float>(first * blocks * sizeof(float), count * blocks)));
        return new BlockCodes(values, scales, null, error);
    }

    /// <summary>Has parts of a matrix rounded on all cores.</summary>
    /// <returns>|W - W'| / |W|, Frobenius; infinite where a value is not a number.</returns>
    private static double EachPart(LinearMatrix matrix, Rounding round)
    {
        var inputs = checked((int)matrix.Inputs);
        double lost = 0, whole = 0;
        var gate = new Lock();
        Parallel.For(0L, (matrix.Outputs + RowsRoundedAtOnce - 1) / RowsRoundedAtOnce, part =>
        {
            var first = part * RowsRoundedAtOnce;
            var count = (int)Math.Min(RowsRoundedAtOnce, matrix.Outputs - first);
            var rows = ArrayPool<float>.Shared.Rent(count * inputs);
            matrix.ReadRows(first, rows.AsSpan(0, count * inputs));
            var (partLost, partWhole) = round(first, count, rows.AsSpan(0, count * inputs));
            ArrayPool<float>.Shared.Return(rows);
            lock (gate)
            {
                lost += partLost;
                whole += partWhole;
            }
        });
        return whole == 0 ? 0 : double.IsFinite(whole) ? Math.Sqrt(lost / whole) : double.PositiveInfinity;
    }

    /// <summary>What of it a graph asks for.</summary>
    public NativeBuffer Part(WeightPart part) => part switch
    {
        WeightPart.Blocks4Values or WeightPart.Blocks8Values => Values,
        WeightPart.BlockScales => Scales,
        WeightPart.Blocks4ZeroPoints when Zeros is not null => Zeros,
        _ => throw new ArgumentOutOfRangeException(nameof(part)),
    };

    public void Dispose()
    {
        Values.Dispose();
        Scales.Dispose();
        Zeros?.Dispose();
    }

    /// <summary>int64 [in]: which input stands where.</summary>
    public static NativeBuffer Order(Int4Matrix matrix)
    {
        var buffer = new NativeBuffer(matrix.Inputs * sizeof(long));
        var order = buffer.Span<long>(0, checked((int)matrix.Inputs));
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = matrix.Order![i];
        }

        return buffer;
    }

    private static NativeBuffer Stored(Int4Matrix matrix, int blockSize)
    {
        var inputs = checked((int)matrix.Inputs);
        var bytes = inputs / 2;
        if (inputs % blockSize != 0)
        {
            throw new ArgumentException($"{inputs} inputs cannot be cut in blocks of {blockSize}", nameof(blockSize));
        }

        var buffer = new NativeBuffer(matrix.Outputs * bytes);
        var order = matrix.Order;
        Parallel.For(0L, (matrix.Outputs + RowsAtOnce - 1) / RowsAtOnce, block =>
        {
            var first = block * RowsAtOnce;
            var count = (int)Math.Min(RowsAtOnce, matrix.Outputs - first);
            var codes = new byte[count * inputs];
            matrix.ReadCodes(first, codes);
            var target = buffer.Span<byte>(first * bytes, count * bytes);
            for (var r = 0; r < count; r++)
            {
                var row = codes.AsSpan(r * inputs, inputs);
                for (var i = 0; i < bytes; i++)
                {
                    var (low, high) = order is null ? (row[2 * i], row[(2 * i) + 1]) : (row[order[2 * i]], row[order[(2 * i) + 1]]);
                    target[(r * bytes) + i] = (byte)(low | (high << 4));
                }
            }
        });
        return buffer;
    }

    private static NativeBuffer ScalesOf(Int4Matrix matrix, int blockSize)
    {
        var blocks = (int)(matrix.Inputs / blockSize);
        var buffer = new NativeBuffer(matrix.Outputs * blocks * sizeof(float));
        for (long row = 0; row < matrix.Outputs; row++)
        {
            var scales = buffer.Span<float>(row * blocks * sizeof(float), blocks);
            for (var b = 0; b < blocks; b++)
            {
                scales[b] = matrix.Scale(row, b * blockSize / matrix.GroupSize);
            }
        }

        return buffer;
    }

    private static NativeBuffer ZerosOf(Int4Matrix matrix, int blockSize)
    {
        var blocks = (int)(matrix.Inputs / blockSize);
        var bytes = (blocks + 1) / 2;
        var buffer = new NativeBuffer(matrix.Outputs * bytes);
        for (long row = 0; row < matrix.Outputs; row++)
        {
            var zeros = buffer.Span<byte>(row * bytes, bytes);
            for (var b = 0; b < blocks; b++)
            {
                zeros[b / 2] |= (byte)(matrix.Zero(row, b * blockSize / matrix.GroupSize) << (4 * (b % 2)));
            }
        }

        return buffer;
    }

    /// <summary>Rounds consecutive rows, and tells what that loses of how much.</summary>
    private delegate (double Lost, double Whole) Rounding(long firstRow, int count, ReadOnlySpan<float> rows);
}
