namespace Sgl.Models;

/// <summary>A matrix stored as int8 with a scale per row (or one for all): w[o, i] = code[o, i] * scale[o].</summary>
public sealed class Int8Matrix : LinearMatrix
{
    private readonly TensorStore _store;
    private readonly TensorEntry _codes;
    private readonly float[] _scales;

    internal Int8Matrix(TensorStore store, string name, TensorEntry codes, TensorEntry scale)
        : base(name, codes.Shape[0], codes.Shape[1])
    {
        _store = store;
        _codes = codes;
        _scales = store.ReadFloat32(scale.Name);
        Tensors = [codes, scale];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<TensorEntry> Tensors { get; }

    /// <inheritdoc/>
    public override string StoredAs => "int8";

    /// <summary>Codes of a row.</summary>
    /// <param name="row">Row.</param>
    public unsafe ReadOnlySpan<sbyte> Codes(long row) => new((sbyte*)_store.Pointer(_codes) + (row * Inputs), checked((int)Inputs));

    /// <summary>Scale of a row.</summary>
    /// <param name="row">Row.</param>
    public float Scale(long row) => _scales.Length == 1 ? _scales[0] : _scales[row];

    /// <inheritdoc/>
    public override void ReadRows(long firstRow, Span<float> rows)
    {
        for (var row = firstRow; rows.Length > 0; row++, rows = rows[(int)Inputs..])
        {
            var codes = Codes(row);
            var scale = Scale(row);
            for (var i = 0; i < codes.Length; i++)
            {
                rows[i] = codes[i] * scale;
            }
        }
    }
}
