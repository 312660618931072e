using Sgl.Guidance;
using Sgl.TestKit;

namespace Sgl.Verification.Tests.Reference;

/// <summary>The reference model on one prompt.</summary>
internal sealed class ReferenceRun : ReferenceScores
{
    private readonly ReferenceModel _model;
    private readonly TestPrompt _prompt;
    private readonly int[] _visual;

    public ReferenceRun(CheckpointShape shape, TestPrompt prompt, StoredType type = StoredType.Float32)
        : base(prompt.Prompt)
    {
        _model = new ReferenceModel(shape, type);
        _prompt = prompt;
        _visual = prompt.Prompt.VisualPositions();
        Features = [.. prompt.Pixels.SelectMany((p, i) => _model.Vision(p, prompt.Tiles[i]))];
    }

    public double[][] Features { get; }

    /// <inheritdoc/>
    public override ReferencePass Forward(IReadOnlyList<int> generated, IReadOnlyList<(int Layer, KeepMask Mask)> plan, bool lastToo = false)
    {
        var inputs = _prompt.Prompt.Ids.Select((id, row) => Array.IndexOf(_visual, row) is >= 0 and var v ? Features[v] : _model.Embed(id))
            .Concat(generated.Take(generated.Count - (lastToo ? 0 : 1)).Select(_model.Embed)).ToList();
        var drops = plan.Select(p => new ReferenceDrop(p.Layer, _visual.Where((_, v) => !p.Mask[v]).ToHashSet())).ToList();
        return _model.Forward(inputs, drops);
    }
}
