using Sgl.Inference.Internal.Decoding.Devices;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>The rows of a pass that go through the stages together: their numbers and hidden state. Goes along with them from lane to lane; reused from chunk to chunk.</summary>
internal sealed class ChunkRows(RotaryTable rotary, int width) : IDisposable
{
    private Scratch<float> _hidden = new();
    private Scratch<float> _next = new();
    private int[] _rows = [];
    private long[] _take = [];
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

    /// <summary>The GPU memory that holds the hidden state; null while it is in the system's.</summary>
    public DeviceRows? Place { get; private set; }

    /// <summary>Rows that lie at <see cref="Place"/>, <see cref="Take"/> among them.</summary>
    public int PlaceRows { get; private set; }

    /// <summary>Where in <see cref="Place"/> each row is.</summary>
    public ReadOnlySpan<long> Take => _take.AsSpan(0, Count);

    /// <summary>The hidden state itself; fetched from the GPU where it is there.</summary>
    public ReadOnlySpan<float> HiddenRows
    {
        get
        {
            var hidden = _hidden.Span(Count * width);
            if (Place is { } place)
            {
                // Rows of a GPU's queue go on where they are; what leaves one is what a stage put out, in order.
                place.Read(0, hidden);
                Place = null;
            }

            return hidden;
        }
    }

    /// <summary>Sees to it that the hidden state is in the system's memory.</summary>
    public void Settle() => _ = HiddenRows;

    /// <summary>Says that the hidden state is in a GPU's memory, the first rows there, in order.</summary>
    public void LieIn(DeviceRows place)
    {
        (Place, PlaceRows) = (place, Count);
        for (var i = 0; i < Count; i++)
        {
            _take[i] = i;
        }
    }

    /// <summary>Says that it is in a GPU's memory, and which of the rows there are to be filled in.</summary>
    /// <param name="place">The memory.</param>
    /// <param name="rows">Rows there.</param>
    /// <param name="take">[<see cref="Count"/>].</param>
    public void LieIn(DeviceRows place, int rows, out Span<long> take)
    {
        (Place, PlaceRows) = (place, rows);
        take = _take.AsSpan(0, Count);
    }

    /// <summary>Starts a chunk of so many rows; numbers and hidden state are the caller's to fill.</summary>
    public void Begin(PassRows pass, int count, out Span<int> rows, out Span<float> hidden)
    {
        _pass = pass;
        Count = count;
        Place = null;
        if (_rows.Length < count)
        {
            _rows = new int[count];
            _take = new long[count];
        }

        rows = _rows.AsSpan(0, count);
        hidden = _hidden.Span(count * width);
    }

    /// <summary>Writes cos and sin of all rows.</summary>
    public void WriteRotary(StageInputs inputs) => WriteRotary(inputs.Cos.Span(Count * rotary.Width), inputs.Sin.Span(Count * rotary.Width));

    /// <summary>Writes cos and sin of all rows, [<see cref="Count"/>, d/2].</summary>
    public void WriteRotary(Span<float> cos, Span<float> sin)
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

        rotary.Compute(_positions.AsSpan(0, axes * Count), _pass.MaxPosition, cos, sin);
    }

    /// <summary>Writes what is added behind some of the layers.</summary>
    public void WriteDeepStack(StageInputs inputs, int first, int last)
    {
        inputs.DeepStackRows = Count;
        for (var layer = first; layer <= last && layer < inputs.DeepStack.Count; layer++)
        {
            ReadDeepStack(layer, inputs.DeepStack[layer].Span(Count * width));
        }
    }

    /// <summary>What is added behind one of the layers, [<see cref="Count"/>, width].</summary>
    public void ReadDeepStack(int layer, Span<float> target)
    {
        for (var i = 0; i < Count; i++)
        {
            _pass!.ReadDeepStack(_rows[i], layer, target.Slice(i * width, width));
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
