using Sgl.Guidance;
using Sgl.Testing;

namespace Sgl.Verification.Tests.Reference;

/// <summary>The reference model on one prompt.</summary>
internal sealed class ReferenceRun
{
    private readonly ReferenceModel _model;
    private readonly TestPrompt _prompt;
    private readonly int[] _visual;
    private readonly int _promptLength;

    public ReferenceRun(CheckpointShape shape, TestPrompt prompt, StoredType type = StoredType.Float32)
    {
        _model = new ReferenceModel(shape, type);
        _prompt = prompt;
        _visual = prompt.Prompt.VisualPositions();
        _promptLength = prompt.Prompt.Ids.Length;
        Features = [.. prompt.Pixels.SelectMany((p, i) => _model.Vision(p, prompt.Tiles[i]))];
    }

    public double[][] Features { get; }

    /// <summary>Rows from the last visual token on.</summary>
    public Func<int, bool> LastVisual => row => row >= _visual[^1];

    /// <summary>Teacher forcing over prompt and generated ids; the last id is no input unless asked for.</summary>
    public ReferencePass Forward(IReadOnlyList<int> generated, IReadOnlyList<(int Layer, KeepMask Mask)> plan, bool lastToo = false)
    {
        var inputs = _prompt.Prompt.Ids.Select((id, row) => Array.IndexOf(_visual, row) is >= 0 and var v ? Features[v] : _model.Embed(id))
            .Concat(generated.Take(generated.Count - (lastToo ? 0 : 1)).Select(_model.Embed)).ToList();
        var drops = plan.Select(p => new ReferenceDrop(p.Layer, _visual.Where((_, v) => !p.Mask[v]).ToHashSet())).ToList();
        return _model.Forward(inputs, drops);
    }

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
