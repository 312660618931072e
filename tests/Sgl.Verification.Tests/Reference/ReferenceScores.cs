using Sgl.Inference;

namespace Sgl.Verification.Tests.Reference;

/// <summary>What is read off the reference's passes over one prompt.</summary>
internal class ReferenceScores(PreparedPrompt prompt)
{
    private readonly int[] _visual = prompt.VisualPositions();
    private readonly int _promptLength = prompt.Ids.Length;

    /// <summary>Rows from the last visual token on.</summary>
    public Func<int, bool> LastVisual => row => row >= _visual[^1];

    /// <summary>Logits that predict each generated id.</summary>
    public double[] StepLogits(IReadOnlyList<int> generated, ReferencePass pass) =>
        [.. Enumerable.Range(0, generated.Count).SelectMany(t => pass.Logits[Array.IndexOf(pass.Rows, _promptLength - 1 + t)])];

    /// <summary>Asserts that the ids are the greedy ones; ids closer than float32 can tell may be either.</summary>
    public void Greedy(IReadOnlyList<int> generated, ReferencePass pass)
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
