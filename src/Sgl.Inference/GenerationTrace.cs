using Sgl.Inference.Internal.Decoding;

namespace Sgl.Inference;

/// <summary>Intermediate values of one generation, filled when a request carries one. For verification against golden data; costs memory.</summary>
public sealed class GenerationTrace
{
    /// <summary>Keep ratios for which the consistency pass is run beside the requested one.</summary>
    public IReadOnlyList<double> ConsistencyRatios { get; init; } = [];

    /// <summary>Raw logits of every step, [G][V].</summary>
    public IList<float[]> StepLogits { get; } = [];

    /// <summary>Processed log-probabilities, [G].</summary>
    public float[] LogProbabilities { get; set; } = [];

    /// <summary>Prompt embeddings with visual features in place, [S * hidden].</summary>
    public float[] InputEmbeddings { get; set; } = [];

    /// <summary>Importance per forward pass (0 = prefill) and layer, [passes][layers][N_I].</summary>
    public IList<float[][]> ImportanceByLayer { get; } = [];

    /// <summary>A^P, [N_I].</summary>
    public float[] ImportancePrefill { get; set; } = [];

    /// <summary>A^D, [N_I].</summary>
    public float[] ImportanceDecode { get; set; } = [];

    /// <summary>KV entries per layer right after the prefill.</summary>
    public int[] KvLengthsAfterPrefill { get; set; } = [];

    /// <summary>Position ids that each stage saw in the prefill: first layer of the stage to [axes][rows].</summary>
    public IDictionary<int, int[][]> StagePositions { get; } = new Dictionary<int, int[][]>();

    /// <summary>Position ids of the decode steps, the same on all axes.</summary>
    public IList<int> DecodePositions { get; } = [];

    /// <summary>Consistency passes in the order of <see cref="ConsistencyRatios"/>.</summary>
    public IList<ConsistencyTrace> Consistency { get; } = [];

    /// <summary>Adds the position ids of rows that a stage runs.</summary>
    internal void AddStagePositions(int firstLayer, PassRows pass, ReadOnlySpan<int> rows)
    {
        if (!StagePositions.TryGetValue(firstLayer, out var axes))
        {
            axes = [.. Enumerable.Repeat<int[]>([], pass.Axes)];
        }

        var added = rows.ToArray();
        StagePositions[firstLayer] = [.. axes.Select((before, axis) => (int[])[.. before, .. added.Select(row => pass.Position(axis, row))])];
    }
}

/// <summary>One consistency pass.</summary>
/// <param name="Ratio">Keep ratio.</param>
/// <param name="Kept">Visual tokens that were kept, ascending.</param>
/// <param name="Positions">Position ids of its rows, generated ids included, [axes][rows].</param>
/// <param name="LogProbabilities">ln P of each generated id, raw softmax, [G].</param>
/// <param name="Logits">Logits of the rows that predict the generated ids, [G * V].</param>
public sealed record ConsistencyTrace(double Ratio, int[] Kept, int[][] Positions, float[] LogProbabilities, float[] Logits);
