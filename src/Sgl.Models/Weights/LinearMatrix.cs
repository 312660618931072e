namespace Sgl.Models;

/// <summary>A linear layer's matrix [out, in], whatever form a file keeps it in. Thread-safe.</summary>
public abstract class LinearMatrix
{
    /// <param name="name">Name of the weight tensor that the layer would have unquantised.</param>
    /// <param name="outputs">Rows.</param>
    /// <param name="inputs">Columns.</param>
    protected LinearMatrix(string name, long outputs, long inputs)
    {
        Name = name;
        Outputs = outputs;
        Inputs = inputs;
    }

    /// <summary>Name of the weight tensor that the layer would have unquantised.</summary>
    public string Name { get; }

    /// <summary>Rows.</summary>
    public long Outputs { get; }

    /// <summary>Columns.</summary>
    public long Inputs { get; }

    /// <summary>What it is stored as: <c>float32</c>, <c>bfloat16</c>, <c>int8</c>, ...</summary>
    public abstract string StoredAs { get; }

    /// <summary>Whether it is stored in a floating-point type of 16 bits.</summary>
    public virtual bool Is16Bit => false;

    /// <summary>The tensors that hold it.</summary>
    public abstract IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>Reads whole rows as float32.</summary>
    /// <param name="firstRow">First row.</param>
    /// <param name="rows">Receives the rows; its length is a multiple of <see cref="Inputs"/>.</param>
    public abstract void ReadRows(long firstRow, Span<float> rows);
}
