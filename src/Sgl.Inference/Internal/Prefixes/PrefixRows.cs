using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal.Prefixes;

/// <summary>What a pass left behind, to be kept.</summary>
/// <param name="Slots">Keys and values, one slot per stage.</param>
/// <param name="Stages">Stages whose slots hold all rows; in those behind, only rows in front of the first image lie where they were.</param>
/// <param name="Inputs">What goes into stage <paramref name="Stages"/>, [rows, hidden] from row <paramref name="InputsFrom"/> on; null where nothing is pruned.</param>
/// <param name="InputsFrom">First row of <paramref name="Inputs"/>.</param>
/// <param name="Sums">Attention up to the last row; null where nobody asked.</param>
internal sealed record PrefixRows(IReadOnlyList<KvSlot> Slots, int Stages, NativeBuffer? Inputs, int InputsFrom, AttentionSums? Sums)
{
    /// <summary>Visual features of rows [start, end), which are an image; null where they are not to be kept.</summary>
    public Func<int, int, ReadOnlyMemory<float>>? Features { get; init; }
}
