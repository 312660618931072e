namespace Sgl.Models;

/// <summary>
/// A matrix stored as 4-bit codes in groups along the inputs, with a scale and a zero point each: w[o, i] = (code[o, i] - zero[o, g]) * scale[o, g],
/// g = i / group size, or what the file says where inputs were reordered before they were grouped.
/// </summary>
public abstract class Int4Matrix : LinearMatrix
{
    private const int SmallestBlock = 16, LargestBlock = 256;

    private readonly int[]? _order;
    private readonly int[] _groupOf;

    /// <param name="name">Name of the weight tensor that the layer would have unquantised.</param>
    /// <param name="outputs">Rows.</param>
    /// <param name="inputs">Columns.</param>
    /// <param name="groupSize">Inputs of a group; the last may have fewer.</param>
    /// <param name="groupOf">Group of each input; null: in their order.</param>
    private protected Int4Matrix(string name, long outputs, long inputs, int groupSize, int[]? groupOf)
        : base(name, outputs, inputs)
    {
        GroupSize = groupSize;
        Groups = checked((int)((inputs + groupSize - 1) / groupSize));
        _groupOf = groupOf ?? [.. Enumerable.Range(0, (int)inputs).Select(i => i / groupSize)];
        if (groupOf is not null && !groupOf.Select((g, i) => g == i / groupSize).All(same => same))
        {
            _order = [.. Enumerable.Range(0, (int)inputs).OrderBy(i => groupOf[i])];
        }
    }

    /// <inheritdoc/>
    public override string StoredAs => "int4";

    /// <summary>Inputs of a group.</summary>
    public int GroupSize { get; }

    /// <summary>Groups of a row.</summary>
    public int Groups { get; }

    /// <summary>Which input stands where, so that those of a group stand together; null where they do in the file.</summary>
    public IReadOnlyList<int>? Order => _order;

    /// <summary>
    /// The largest power of two from 16 to 256 in which groups can be cut; null where they cannot, or where a group has more or fewer inputs than another.
    /// </summary>
    public int? BlockSize
    {
        get
        {
            if (_order is not null && (Inputs % GroupSize != 0 || !_order.Select((input, at) => _groupOf[input] == at / GroupSize).All(right => right)))
            {
                return null;
            }

            for (var block = LargestBlock; block >= SmallestBlock; block /= 2)
            {
                if (GroupSize % block == 0 && Inputs % block == 0)
                {
                    return block;
                }
            }

            return null;
        }
    }

    /// <summary>Reads codes of whole rows, 0 to 15, in the order of the inputs.</summary>
    /// <param name="firstRow">First row.</param>
    /// <param name="codes">Receives [n, inputs].</param>
    public abstract void ReadCodes(long firstRow, Span<byte> codes);

    /// <summary>Scale of a group.</summary>
    /// <param name="row">Row.</param>
    /// <param name="group">Group.</param>
    public abstract float Scale(long row, int group);

    /// <summary>Zero point of a group, 0 to 15.</summary>
    /// <param name="row">Row.</param>
    /// <param name="group">Group.</param>
    public abstract int Zero(long row, int group);

    /// <inheritdoc/>
    public override void ReadRows(long firstRow, Span<float> rows)
    {
        var inputs = checked((int)Inputs);
        var codes = new byte[rows.Length];
        ReadCodes(firstRow, codes);
        Span<float> scales = new float[Groups], zeros = new float[Groups];
        for (var r = 0; r < rows.Length / inputs; r++)
        {
            for (var g = 0; g < Groups; g++)
            {
                (scales[g], zeros[g]) = (Scale(firstRow + r, g), Zero(firstRow + r, g));
            }

            for (var i = 0; i < inputs; i++)
            {
                var g = _groupOf[i];
                rows[(r * inputs) + i] = (codes[(r * inputs) + i] - zeros[g]) * scales[g];
            }
        }
    }
}
