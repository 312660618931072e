using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>A 4-bit matrix in the layout of MatMulNBits: blocks along the inputs, two codes a byte with the earlier one in the low half.</summary>
internal static class Blocks4
{
    private const int RowsAtOnce = 64;

    /// <summary>Codes [out, blocks, block size / 2].</summary>
    public static NativeBuffer Values(Int4Matrix matrix, int blockSize)
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

    /// <summary>float32 [out * blocks].</summary>
    public static NativeBuffer Scales(Int4Matrix matrix, int blockSize)
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

    /// <summary>[out * ceil(blocks / 2)], the low half first.</summary>
    public static NativeBuffer ZeroPoints(Int4Matrix matrix, int blockSize)
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

    /// <summary>int64 [in].</summary>
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
}
