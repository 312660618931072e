namespace Sgl.Models.Internal;

/// <summary>A matrix stored as FP8 (E4M3: 4 exponent bits, 3 of mantissa, no infinity) with scales per matrix, row or block: w = value * scale.</summary>
internal sealed class Float8Matrix : LinearMatrix
{
    private static readonly float[] Values = [.. Enumerable.Range(0, 256).Select(i => Value((byte)i))];

    private readonly TensorStore _store;
    private readonly TensorEntry _codes;
    private readonly float[] _scales;
    private readonly long _columns;
    private readonly int _blockRows;
    private readonly int _blockColumns;

    public Float8Matrix(TensorStore store, string name, TensorEntry codes, TensorEntry scale, int blockRows, int blockColumns)
        : base(name, codes.Shape[0], codes.Shape[1])
    {
        _store = store;
        _codes = codes;
        _scales = store.ReadFloat32(scale.Name);
        _blockRows = blockRows;
        _blockColumns = blockColumns;
        _columns = (Inputs + blockColumns - 1) / blockColumns;
        Tensors = [codes, scale];
    }

    public override IReadOnlyList<TensorEntry> Tensors { get; }

    public override string StoredAs => "float8";

    public override unsafe void ReadRows(long firstRow, Span<float> rows)
    {
        var inputs = checked((int)Inputs);
        for (var row = firstRow; rows.Length > 0; row++, rows = rows[inputs..])
        {
            var codes = new ReadOnlySpan<byte>((byte*)_store.Pointer(_codes) + (row * inputs), inputs);
            for (var first = 0; first < inputs; first += _blockColumns)
            {
                var scale = _scales[(row / _blockRows * _columns) + (first / _blockColumns)];
                var end = Math.Min(inputs, first + _blockColumns);
                for (var i = first; i < end; i++)
                {
                    rows[i] = Values[codes[i]] * scale;
                }
            }
        }
    }

    /// <summary>The number that a byte means.</summary>
    internal static float Value(byte code)
    {
        int exponent = (code >> 3) & 15, mantissa = code & 7;
        var magnitude = (exponent, mantissa) switch
        {
            (15, 7) => float.NaN,
            (0, _) => mantissa * MathF.Pow(2, -9),
            _ => (8 + mantissa) * MathF.Pow(2, exponent - 10),
        };
        return (code & 0x80) == 0 ? magnitude : -magnitude;
    }
}
