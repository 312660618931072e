using System.Numerics.Tensors;
using Sgl.Guidance;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Adds what stages yield of importance to the sequences' sums. Used by one thread at a time.</summary>
internal sealed class ImportanceReader
{
    private float[] _columns = [];

    /// <summary>Which rows of a chunk are asked for: the first, counted from the chunk's first, and how many; not positive: none.</summary>
    /// <param name="asked">Prompt rows [start, end).</param>
    /// <param name="rows">Row numbers of the chunk, consecutive.</param>
    public static (int First, int Count) Chosen((int Start, int End) asked, ReadOnlySpan<int> rows)
    {
        var start = Math.Max(asked.Start, rows[0]);
        return (start - rows[0], Math.Min(asked.End, rows[^1] + 1) - start);
    }

    /// <summary>Adds a stage's share of a chunk of a prefill.</summary>
    public void AddPrefill(Sequence sequence, LayerPlacement stage, ReadOnlySpan<float> sums, int total)
    {
        for (var l = 0; l < stage.Count; l++)
        {
            var columns = Columns(sums.Slice(l * total, total), sequence.VisualPositions);
            sequence.Importance!.AddPrefillLayer(stage.First + l, sequence.Options.Importance!.Rows & ~ImportanceRows.Generated, columns);
            sequence.KeptSums?.Add(stage.First + l, columns);
            Trace(sequence, stage.First + l, columns);
        }
    }

    /// <summary>Adds a stage's share of a decode step for one slot of the run.</summary>
    public void AddDecode(Sequence sequence, LayerPlacement stage, ReadOnlySpan<float> sums, int batch, int slot, int total)
    {
        for (var l = 0; l < stage.Count; l++)
        {
            var columns = Columns(sums.Slice(((l * batch) + slot) * total, total), sequence.VisualPositions);
            sequence.Importance!.AddDecodeLayer(stage.First + l, columns);
            sequence.KeptSums?.Add(stage.First + l, columns);
            Trace(sequence, stage.First + l, columns);
        }
    }

    /// <summary>Adds what a stage on a GPU has summed over one or several passes, [layers, capacity].</summary>
    /// <param name="sequence">Whose.</param>
    /// <param name="stage">Which layers.</param>
    /// <param name="sums">The sums.</param>
    /// <param name="capacity">Entries of its slot.</param>
    /// <param name="decode">Whether to the share of the generated rows, or to that of the prompt.</param>
    public void Add(Sequence sequence, LayerPlacement stage, ReadOnlySpan<float> sums, int capacity, bool decode)
    {
        for (var l = 0; l < stage.Count; l++)
        {
            var columns = Columns(sums.Slice(l * capacity, capacity), sequence.VisualPositions);
            if (decode)
            {
                sequence.Importance!.AddDecodeLayer(stage.First + l, columns);
            }
            else
            {
                sequence.Importance!.AddPrefillLayer(stage.First + l, sequence.Options.Importance!.Rows & ~ImportanceRows.Generated, columns);
            }

            Trace(sequence, stage.First + l, columns);
        }
    }

    /// <summary>The visual columns of a row over all keys; valid until the next call.</summary>
    public ReadOnlySpan<float> Columns(ReadOnlySpan<float> perKey, ReadOnlySpan<int> visual)
    {
        if (_columns.Length < visual.Length)
        {
            _columns = new float[visual.Length];
        }

        var columns = _columns.AsSpan(0, visual.Length);
        for (var i = 0; i < columns.Length; i++)
        {
            columns[i] = perKey[visual[i]];
        }

        return columns;
    }

    private static void Trace(Sequence sequence, int layer, ReadOnlySpan<float> columns)
    {
        if (sequence.Options.Trace is { } trace)
        {
            var sum = trace.ImportanceByLayer[^1][layer] ??= new float[columns.Length];
            TensorPrimitives.Add(sum, columns, sum);
        }
    }
}
