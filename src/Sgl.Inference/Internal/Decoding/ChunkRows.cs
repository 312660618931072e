using Sgl.Inference.Internal.Runtime;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>The rows of a pass that go through the stages together: their numbers and hidden state. Reused from chunk to chunk.</summary>
internal sealed class ChunkRows(RotaryTable rotary, int width) : IDisposable
{
    private Scratch<float> _hidden = new();
    private Scratch<float> _next = new();
    private int[] _rows = [];
    private int[] _positions = [];
    private PassRows? _pass;

    /// <summary>How many rows.</summary>
    public int Count { get; private set; }

    /// <summary>Their numbers in the pass, ascending.</summary>
    public ReadOnlySpan<int> Rows => _rows.AsSpan(0, Count);

    /// <summary>Hidden state, [<see cref="Count"/>, width]: input of the next stage.</summary>
    public Scratch<float> Hidden => _hidden;

    /// <summary>Output of the next stage.</summary>
    public Scratch<float> Next => _next;

    /// <summary>The hidden state itself.</summary>
    public ReadOnlySpan<float> HiddenRows => _hidden.Span(Count * width);

    /// <summary>Starts a chunk of so many rows; numbers and hidden state are the caller's to fill.</summary>
    public void Begin(PassRows pass, int count, out Span<int> rows, out Span<float> hidden)
    {
        _pass = pass;
        Count = count;
        if (_rows.Length < count)
        {
            _rows = new int[count];
        }

        rows = _rows.AsSpan(0, count);
        hidden = _hidden.Span(count * width);
    }

    /// <summary>Writes cos and sin of all rows.</summary>
    public void WriteRotary(StageInputs inputs)
    {
        var axes = _pass!.Axes;
        if (_positions.Length < axes * Count)
        {
            _positions = new int[axes * Count];
        }

        for (var a = 0; a < axes; a++)
        {
            for (var i = 0; i < Count; i++)
            {
                _positions[(a * Count) + i] = _pass.Position(a, _rows[i]);
            }
        }

        var values = Count * rotary.Width;
        rotary.Compute(_positions.AsSpan(0, axes * Count), _pass.MaxPosition, inputs.Cos.Span(values), inputs.Sin.Span(values));
    }

    /// <summary>Writes what is added behind some of the layers.</summary>
    public void WriteDeepStack(StageInputs inputs, int first, int last)
    {
        inputs.DeepStackRows = Count;
        for (var layer = first; layer <= last && layer < inputs.DeepStack.Count; layer++)
        {
            var target = inputs.DeepStack[layer].Span(Count * width);
            for (var i = 0; i < Count; i++)
            {
                _pass!.ReadDeepStack(_rows[i], layer, target.Slice(i * width, width));
            }
        }
    }

    /// <summary>Makes the stage's output the next stage's input.</summary>
    public void Advance() => (_hidden, _next) = (_next, _hidden);

    public void Dispose()
    {
        _hidden.Dispose();
        _next.Dispose();
    }
}
