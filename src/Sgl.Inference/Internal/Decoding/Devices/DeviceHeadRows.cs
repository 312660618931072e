using Sgl.Guidance;
using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal.Decoding.Devices;

/// <summary>What the head on a GPU made of some rows, copied to the system's memory: four numbers each, or all logits.</summary>
/// <param name="vocabulary">V.</param>
/// <param name="work">Work space for V numbers; all that read share it.</param>
internal sealed class DeviceHeadRows(int vocabulary, float[] work) : IHeadRows
{
    /// <summary>Id, its ln P, entropy, ln P of the id that was asked for.</summary>
    public const int Numbers = 4;

    private readonly Scratch<float> _host = new();
    private bool _hasLogits;
    private int _count;

    /// <summary>Where the next result goes.</summary>
    public nint Begin(int count, bool logits)
    {
        (_count, _hasLogits) = (count, logits);
        return _host.Address(count * (logits ? vocabulary : Numbers));
    }

    public ReadOnlySpan<float> Logits(int row) =>
        _hasLogits ? _host.Span(_count * vocabulary).Slice(row * vocabulary, vocabulary) : throw new InvalidOperationException("logits were not asked for");

    public TokenChoice Choose(int row, TokenChooser chooser, int step)
    {
        if (_hasLogits)
        {
            return chooser.Choose(Logits(row), step);
        }

        var numbers = Choice(row);
        return !float.IsFinite(numbers[1]) || numbers[0] < 0 || numbers[0] >= vocabulary
            ? throw new InvalidOperationException("the model produced logits that are not numbers")
            : new TokenChoice((int)numbers[0], numbers[1], numbers[2]);
    }

    public float LogProbability(int row, int id) => _hasLogits ? LogSoftmax.Of(Logits(row), work).LogProbability(Logits(row)[id]) : Choice(row)[3];

    public void Dispose() => _host.Dispose();

    private ReadOnlySpan<float> Choice(int row) => _host.Span(_count * Numbers).Slice(row * Numbers, Numbers);
}
