using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Input memory of stage runs, reused from run to run. Each lane has its own.</summary>
/// <param name="deepStackLayers">Layers behind which something is added to the rows.</param>
internal sealed class StageInputs(int deepStackLayers = 0) : IDisposable
{
    /// <summary>What is added behind each of the first layers, [<see cref="DeepStackRows"/>, hidden].</summary>
    public IReadOnlyList<Scratch<float>> DeepStack { get; } = [.. Enumerable.Range(0, deepStackLayers).Select(_ => new Scratch<float>())];

    /// <summary>Rows of <see cref="DeepStack"/>: one for each row of the run, or a single one for all.</summary>
    public int DeepStackRows { get; set; }

    public Scratch<float> Cos { get; } = new();

    public Scratch<float> Sin { get; } = new();

    /// <summary>[B, S] rows of <see cref="Cos"/>: simply 0, 1, 2, ...</summary>
    public Scratch<long> RopeRows { get; } = new();

    /// <summary>[B] entries behind this run, minus 1.</summary>
    public Scratch<int> SeqLens { get; } = new();

    /// <summary>[1] the largest number of entries behind this run.</summary>
    public Scratch<int> Total { get; } = new();

    public Scratch<long> ImportanceRows { get; } = new();

    public Scratch<long> ImportanceLimit { get; } = new();

    public Scratch<float> ImportanceWeight { get; } = new();

    public Scratch<float> Importance { get; } = new();

    /// <summary>Hidden rows of a batched decode run, gathered from and scattered to the sequences.</summary>
    public Scratch<float> BatchIn { get; } = new();

    public Scratch<float> BatchOut { get; } = new();

    /// <summary>[1, hidden] zeros: what a step adds behind any layer.</summary>
    public Scratch<float> NoDeepStack { get; } = new();

    /// <summary>Where the inputs of a step of <paramref name="batch"/> rows lie.</summary>
    public StepAddresses StepAddresses(int batch, int width, int half) => new(
        BatchIn.Address(batch * width), BatchOut.Address(batch * width), Cos.Address(batch * half), Sin.Address(batch * half), RopeRows.Address(batch), SeqLens.Address(batch), Total.Address(1), NoDeepStack.Address(width));

    /// <summary>Fills rope rows 0..count-1.</summary>
    public void SetRopeRows(int count)
    {
        var rows = RopeRows.Span(count);
        for (var i = 0; i < count; i++)
        {
            rows[i] = i;
        }
    }

    /// <summary>Sets up the query rows of a chunk of a prefill: those of its rows that are asked for. Null without any.</summary>
    /// <param name="asked">Prompt rows [start, end).</param>
    /// <param name="rows">Row numbers of the chunk, consecutive: nothing is pruned where attention is read.</param>
    /// <param name="entries">KV entries in front of the chunk.</param>
    public ImportanceShape? AskPrefill((int Start, int End) asked, ReadOnlySpan<int> rows, int entries)
    {
        var (first, count) = ImportanceReader.Chosen(asked, rows);
        if (count <= 0)
        {
            return null;
        }

        var chosen = ImportanceRows.Span(count);
        var limit = ImportanceLimit.Span(count);
        for (var i = 0; i < count; i++)
        {
            chosen[i] = first + i;
            // The last key a row may see is its own.
            limit[i] = entries + chosen[i];
        }

        ImportanceWeight.Span(count).Fill(1);
        return new ImportanceShape(count, 1);
    }

    /// <summary>Sets up the one row of every sequence in a decode run.</summary>
    /// <param name="entries">KV entries in front of the row, per slot: the last key it may see is its own.</param>
    public ImportanceShape AskDecode(ReadOnlySpan<int> entries)
    {
        ImportanceRows.Span(1)[0] = 0;
        ImportanceWeight.Span(1)[0] = 1;
        var limit = ImportanceLimit.Span(entries.Length);
        for (var b = 0; b < entries.Length; b++)
        {
            limit[b] = entries[b];
        }

        return new ImportanceShape(1, 1);
    }

    /// <summary>Sets up one query row of no weight, for a run whose importance nobody wants.</summary>
    public ImportanceShape AskNothing(int batch)
    {
        ImportanceRows.Span(1)[0] = 0;
        ImportanceLimit.Span(batch).Clear();
        ImportanceWeight.Span(1)[0] = 0;
        return new ImportanceShape(1, 1);
    }

    public void Dispose()
    {
        foreach (var layer in DeepStack)
        {
            layer.Dispose();
        }

        Cos.Dispose();
        Sin.Dispose();
        RopeRows.Dispose();
        SeqLens.Dispose();
        Total.Dispose();
        ImportanceRows.Dispose();
        ImportanceLimit.Dispose();
        ImportanceWeight.Dispose();
        Importance.Dispose();
        NoDeepStack.Dispose();
        BatchIn.Dispose();
        BatchOut.Dispose();
    }
}
