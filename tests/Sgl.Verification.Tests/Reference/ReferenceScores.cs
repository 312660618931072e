using Sgl.Guidance;
using Sgl.Inference;

namespace Sgl.Verification.Tests.Reference;

/// <summary>What is read off the reference's passes over one prompt.</summary>
internal abstract class ReferenceScores(PreparedPrompt prompt)
{
    private readonly int[] _visual = prompt.VisualPositions();
    private readonly int _promptLength = prompt.Ids.Length;

    /// <summary>Rows from the last visual token on.</summary>
    public Func<int, bool> LastVisual => row => row >= _visual[^1];

    /// <summary>Teacher forcing over prompt and generated ids; the last id is no input unless asked for.</summary>
    public abstract ReferencePass Forward(IReadOnlyList<int> generated, IReadOnlyList<(int Layer, KeepMask Mask)> plan, bool lastToo = false);

    /// <summary>Asserts that a generation without pruning, its importance and its consistency passes are the reference's.</summary>
    public void AssertUnpruned(GenerationResult result, GenerationTrace trace)
    {
        var pass = Forward(result.TokenIds, []);
        AssertGreedy(result.TokenIds, pass);
        Compare.Close("logits", Compare.Flat(trace.StepLogits), StepLogits(result.TokenIds, pass), Compare.LogitTolerance);

        // The authors' rows, one rule for any number of images: from the last visual token of the prompt on, the last generated id never being a query.
        Compare.Close("importance", result.Importance!, Importance(pass, LastVisual, result.TokenIds.Count), Compare.ImportanceTolerance);
        foreach (var consistency in trace.Consistency)
        {
            var kept = KeepMask.FromImportance(result.Importance, consistency.Ratio);
            Assert.Equal(kept.Indices(), consistency.Kept);
            var teacher = Forward(result.TokenIds, [(0, kept)], lastToo: true);
            Compare.Close($"consistency at {consistency.Ratio}", consistency.Logits, StepLogits(result.TokenIds, teacher), Compare.LogitTolerance);
        }
    }

    /// <summary>Asserts that a generation under a plan is the reference's, and that its layers keep the rows that the plan leaves.</summary>
    public void AssertPruned(GenerationResult result, GenerationTrace trace, IReadOnlyList<(int Layer, KeepMask Mask)> plan, int layers)
    {
        var pass = Forward(result.TokenIds, plan);
        AssertGreedy(result.TokenIds, pass);
        Compare.Close(string.Join(", ", plan), Compare.Flat(trace.StepLogits), StepLogits(result.TokenIds, pass), Compare.LogitTolerance);
        int Kept(int layer) => plan.LastOrDefault(p => p.Layer <= layer).Mask?.Count ?? _visual.Length;
        Assert.Equal(Enumerable.Range(0, layers).Select(l => _promptLength - _visual.Length + Kept(l) + result.TokenIds.Count - 1), result.Usage.KvLengths);
    }

    /// <summary>Logits that predict each generated id.</summary>
    public double[] StepLogits(IReadOnlyList<int> generated, ReferencePass pass) =>
        [.. Enumerable.Range(0, generated.Count).SelectMany(t => pass.Logits[Array.IndexOf(pass.Rows, _promptLength - 1 + t)])];

    /// <summary>Asserts that the ids are the greedy ones; ids closer than float32 can tell may be either.</summary>
    public void AssertGreedy(IReadOnlyList<int> generated, ReferencePass pass)
    {
        for (var t = 0; t < generated.Count; t++)
        {
            var logits = pass.Logits[Array.IndexOf(pass.Rows, _promptLength - 1 + t)];
            Assert.True(logits.Max() - logits[generated[t]] < 1e-4, $"step {t}: {generated[t]} has {logits[generated[t]]}, the best is {logits.Max()}");
        }
    }

    /// <summary>Attention of chosen prompt rows and all generated rows to each visual token, summed over rows, heads and layers.</summary>
    public double[] Importance(ReferencePass pass, Func<int, bool> promptRow, int generated)
    {
        var sums = new double[_visual.Length];
        foreach (var (rows, map) in pass.Attention)
        {
            foreach (var head in map)
            {
                for (var i = 0; i < rows.Length; i++)
                {
                    if (rows[i] >= _promptLength ? rows[i] < _promptLength + generated - 1 : promptRow(rows[i]))
                    {
                        for (var v = 0; v < _visual.Length && _visual[v] <= rows[i]; v++)
                        {
                            sums[v] += head[i][_visual[v]];
                        }
                    }
                }
            }
        }

        return sums;
    }
}
