using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>
/// Formats of linear layers on GPUs, and what they take there. Weights alone have fewer bits: the runtime's kernels unpack blocks of 8 or 4 bits while they multiply a few rows, and a whole
/// matrix at a time in front of a product of many. So it is for decoding, which reads every weight for a token:
/// <list type="bullet">
/// <item>What a folder stores in 8 or 4 bits runs as stored, unless <c>Engine:Weights</c> is <c>float32</c>; FP8 is widened.</item>
/// <item>By <c>int4</c> and <c>int8</c> the matrices of the decoder's layers are rounded, by <c>auto</c> none. The head has 8 bits with both: it is a small part of a decoder, and its errors reach the
/// logits as they are.</item>
/// <item>Vision tower and projector stay in 16 bits: their rows are many, so that all of their matrices would be unpacked for every picture.</item>
/// <item>A matrix needs rows that are a multiple of 8, for others the runtime unpacks all of it for every token, and at least 64 rows and columns that can be cut in blocks. Heads with an odd
/// vocabulary (InternVL2's 92553 ids) therefore stay in 16 bits.</item>
/// </list>
/// What a matrix loses plays no part, so that shapes alone tell what a model takes: a block bounds it by itself (<see cref="BlockWise8"/>, <see cref="BlockWise4"/>).
/// </summary>
internal static class DeviceFormats
{
    /// <summary>Largest block of the runtime's kernels.</summary>
    public const int LargestBlock = 128;

    private const int SmallestBlock = 16, RowsTogether = 8;

    /// <summary>Format of a linear layer of tower, decoder or head.</summary>
    /// <param name="kind"><c>Engine:Weights</c>.</param>
    /// <param name="place">Where in the model it is.</param>
    /// <param name="outputs">Rows.</param>
    /// <param name="inputs">Columns.</param>
    /// <param name="stored">How a folder holds it quantised; null: it does not.</param>
    public static LinearFormat Of(WeightPrecision kind, LinearPlace place, long outputs, long inputs, StoredLinear? stored)
    {
        if (kind == WeightPrecision.Float32)
        {
            return LinearFormat.Plain;
        }

        if (stored is not null)
        {
            var size = stored.Bits == 8 ? Block(inputs, inputs) : stored.GroupSize is { } group ? Block(group, inputs) : null;
            return size is { } block
                ? new LinearFormat(stored.Bits == 8 ? LinearKind.Blocks8 : LinearKind.Blocks4) { BlockSize = block, Reordered = stored.Reordered, KeepsInputs = true }
                : LinearFormat.Plain;
        }

        return kind is WeightPrecision.Int8 or WeightPrecision.Int4
            && place != LinearPlace.Tower
            && outputs % RowsTogether == 0
            && Math.Min(outputs, inputs) >= WeightPlan.SmallestSide
            && BlockWise4.BlockSize(inputs) is { } rounded
                ? new LinearFormat(kind == WeightPrecision.Int4 && place == LinearPlace.Layer ? LinearKind.Blocks4 : LinearKind.Blocks8) { BlockSize = rounded, KeepsInputs = true }
                : LinearFormat.Plain;
    }

    /// <summary>Bytes of a matrix on a GPU, whose other numbers have 16 bits.</summary>
    public static long Bytes(LinearFormat format, long outputs, long inputs)
    {
        var blocks = format.Kind == LinearKind.Plain ? 0 : inputs / format.BlockSize;
        return format.Kind switch
        {
            LinearKind.Plain => 2 * outputs * inputs,
            LinearKind.Blocks8 => (outputs * inputs) + (2 * outputs * blocks),
            LinearKind.Blocks4 => (outputs * inputs / 2) + (2 * outputs * blocks) + (outputs * ((blocks + 1) / 2)) + (format.Reordered ? sizeof(long) * inputs : 0),
            _ => throw new ArgumentOutOfRangeException(nameof(format)),
        };
    }

    /// <summary>What a kernel unpacks such a matrix to in front of a product of many rows, bytes.</summary>
    public static long Unpacked(LinearFormat format, long outputs, long inputs) => format.Kind == LinearKind.Plain ? 0 : 2 * outputs * inputs;

    private static int? Block(long group, long inputs)
    {
        for (var block = LargestBlock; block >= SmallestBlock; block /= 2)
        {
            if (group % block == 0 && inputs % block == 0)
            {
                return block;
            }
        }

        return null;
    }
}

/// <summary>Where in a model a linear layer is.</summary>
internal enum LinearPlace
{
    /// <summary>Vision tower or projector.</summary>
    Tower,

    /// <summary>One of the decoder's layers.</summary>
    Layer,

    /// <summary>The LM head.</summary>
    Head,
}
