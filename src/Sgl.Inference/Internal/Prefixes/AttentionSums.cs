using System.Numerics.Tensors;
using Sgl.Guidance;

namespace Sgl.Inference.Internal.Prefixes;

/// <summary>
/// Attention that the visual tokens got from the rows of a prompt that count, and from the answer behind it, summed over heads and rows, per layer. In the next turn of a
/// chat all these rows are the prompt's, and need not run again to be counted.
/// </summary>
/// <param name="layers">L.</param>
/// <param name="visualTokens">N_I.</param>
/// <param name="rows">The rows that count in a prompt.</param>
internal sealed class AttentionSums(int layers, int visualTokens, ImportanceRows rows)
{
    private readonly float[] _sums = new float[(long)layers * visualTokens];

    private AttentionSums(AttentionSums other, int layers, int visualTokens)
        : this(layers, visualTokens, other.Rows) => other._sums.CopyTo(_sums, 0);

    /// <summary>The rows that count.</summary>
    public ImportanceRows Rows => rows;

    /// <summary>Memory taken.</summary>
    public long Bytes => (long)_sums.Length * sizeof(float);

    /// <summary>Whether sums over such rows can be carried on from turn to turn: those from the image to the prompt's end.</summary>
    public static bool CanBeKept(ImportanceRows rows) => (rows & ~ImportanceRows.LastVisual) == ImportanceRows.Prompt;

    /// <summary>Layer's part, [N_I].</summary>
    public ReadOnlySpan<float> Layer(int layer) => _sums.AsSpan(layer * visualTokens, visualTokens);

    /// <summary>Adds attention of more rows in one layer, [N_I].</summary>
    public void Add(int layer, ReadOnlySpan<float> columns)
    {
        var sum = _sums.AsSpan(layer * visualTokens, visualTokens);
        TensorPrimitives.Add(sum, columns, sum);
    }

    /// <summary>The same numbers, to be added to.</summary>
    public AttentionSums Copy() => new(this, layers, visualTokens);
}
