using System.Runtime.CompilerServices;

namespace Sgl.Models.Internal;

/// <summary>An int32 tensor of eight 4-bit numbers each, read from the mapped file; the pointer need not be aligned.</summary>
internal sealed unsafe class Nibbles(TensorStore store, TensorEntry entry)
{
    private readonly long _columns = entry.Shape[1];

    public int this[long row, long column, int place] =>
        (int)((Unsafe.ReadUnaligned<uint>((byte*)store.Pointer(entry) + (((row * _columns) + column) * sizeof(uint))) >> (4 * place)) & 15);
}

/// <summary>AutoAWQ: <c>qweight</c> [in, out / 8], <c>qzeros</c> [groups, out / 8], <c>scales</c> [groups, out]; outputs stand in the order 0 2 4 6 1 3 5 7 in a word.</summary>
internal sealed class AwqMatrix(TensorStore store, string name, TensorEntry codes, TensorEntry zeros, TensorEntry scales, int groupSize)
    : Int4Matrix(name, codes.Shape[1] * 8, codes.Shape[0], groupSize, null)
{
    // Where output 0..7 of a word stands in it.
    private static readonly int[] Place = [0, 4, 1, 5, 2, 6, 3, 7];

    private readonly Nibbles _codes = new(store, codes);
    private readonly Nibbles _zeros = new(store, zeros);
    private readonly float[] _scales = store.ReadFloat32(scales.Name);

    public override IReadOnlyList<TensorEntry> Tensors { get; } = [codes, zeros, scales];

    public override void ReadCodes(long firstRow, Span<byte> codes)
    {
        var inputs = (int)Inputs;
        for (var i = 0; i < inputs; i++)
        {
            for (var r = 0; r < codes.Length / inputs; r++)
            {
                codes[(r * inputs) + i] = (byte)_codes[i, (firstRow + r) / 8, Place[(firstRow + r) % 8]];
            }
        }
    }

    public override float Scale(long row, int group) => _scales[(group * Outputs) + row];

    public override int Zero(long row, int group) => _zeros[group, row / 8, Place[row % 8]];
}

/// <summary>GPTQ: <c>qweight</c> [in / 8, out], <c>qzeros</c> [groups, out / 8], <c>scales</c> [groups, out], <c>g_idx</c> [in].</summary>
internal sealed class GptqMatrix(TensorStore store, string name, TensorEntry codes, TensorEntry zeros, TensorEntry scales, int[]? groupOf, int groupSize, bool zerosMinusOne)
    : Int4Matrix(name, codes.Shape[1], codes.Shape[0] * 8, groupSize, groupOf)
{
    private readonly Nibbles _codes = new(store, codes);
    private readonly Nibbles _zeros = new(store, zeros);
    private readonly float[] _scales = store.ReadFloat32(scales.Name);

    public override IReadOnlyList<TensorEntry> Tensors { get; } = [codes, zeros, scales];

    public override void ReadCodes(long firstRow, Span<byte> codes)
    {
        var inputs = (int)Inputs;
        for (var i = 0; i < inputs; i++)
        {
            for (var r = 0; r < codes.Length / inputs; r++)
            {
                codes[(r * inputs) + i] = (byte)_codes[i / 8, firstRow + r, i % 8];
            }
        }
    }

    public override float Scale(long row, int group) => _scales[(group * Outputs) + row];

    // A zero of 0 is stored as -1, that is 15.
    public override int Zero(long row, int group) => (_zeros[group, row / 8, (int)(row % 8)] + (zerosMinusOne ? 1 : 0)) & 15;
}

/// <summary>
/// compressed-tensors: <c>weight_packed</c> [out, in / 8], <c>weight_scale</c> [out, groups], and where zero points are not 0 <c>weight_zero_point</c>, packed along the
/// outputs [out / 8, groups] or int8 [out, groups]. Codes and zero points are signed numbers plus 8.
/// </summary>
internal sealed class PackedMatrix(TensorStore store, string name, long inputs, TensorEntry codes, TensorEntry scales, TensorEntry? zeros, int[]? groupOf, int groupSize)
    : Int4Matrix(name, codes.Shape[0], inputs, groupSize, groupOf)
{
    private const int Offset = 8;

    private readonly Nibbles _codes = new(store, codes);
    private readonly Nibbles? _packedZeros = zeros?.DataType == TensorDataType.Int32 ? new Nibbles(store, zeros) : null;
    private readonly float[] _scales = store.ReadFloat32(scales.Name);

    public override IReadOnlyList<TensorEntry> Tensors { get; } = zeros is null ? [codes, scales] : [codes, scales, zeros];

    public override void ReadCodes(long firstRow, Span<byte> codes)
    {
        var inputs = (int)Inputs;
        for (var r = 0; r < codes.Length / inputs; r++)
        {
            for (var i = 0; i < inputs; i++)
            {
                codes[(r * inputs) + i] = (byte)_codes[firstRow + r, i / 8, i % 8];
            }
        }
    }

    public override float Scale(long row, int group) => _scales[(row * Groups) + group];

    public override unsafe int Zero(long row, int group) =>
        zeros is null ? Offset
        : _packedZeros is not null ? _packedZeros[row / 8, group, (int)(row % 8)]
        : ((sbyte*)store.Pointer(zeros))[(row * Groups) + group] + Offset;
}
