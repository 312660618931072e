namespace Sgl.Models.Internal;

/// <summary>A matrix stored in a floating-point type.</summary>
internal sealed class FloatMatrix(TensorStore store, TensorEntry entry) : LinearMatrix(entry.Name, entry.Shape[0], entry.ElementCount / Math.Max(1, entry.Shape[0]))
{
    public override IReadOnlyList<TensorEntry> Tensors { get; } = [entry];

    public override string StoredAs => Tensors[0].DataType.ToString().ToLowerInvariant();

    public override bool Is16Bit => Tensors[0].DataType is TensorDataType.BFloat16 or TensorDataType.Float16;

    public override void ReadRows(long firstRow, Span<float> rows) => store.ReadFloat32(Tensors[0], firstRow * Inputs, rows);
}
