using Sgl.Guidance;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>The rows of one forward pass over a prompt: hidden state, position ids, and which visual tokens are still among them.</summary>
internal sealed class ForwardRows(EmbeddingTable embeddings, RotaryTable rotary, int width) : IDisposable
{
    private const int NoFeature = -1;

    private Scratch<float> _hidden = new();
    private Scratch<float> _next = new();
    private VisualTokens _visual = VisualTokens.Create([], 0);
    private KeepMask? _present;
    private int[][] _positions = [];
    private float[] _features = [];
    private int[] _featureOf = [];
    private int _featureWidth;
    private int _promptMaxPosition;
    private int _maxPosition;
    private int _answerRows;

    /// <summary>Rows that are there.</summary>
    public int Count { get; private set; }

    /// <summary>Rows in front of them whose keys and values are in the caches already.</summary>
    public int Cached { get; private set; }

    /// <summary>Hidden state, [<see cref="Count"/>, width]: input of the next stage.</summary>
    public Scratch<float> Hidden => _hidden;

    /// <summary>Output of the next stage.</summary>
    public Scratch<float> Next => _next;

    /// <summary>Where the visual tokens of the whole prompt are.</summary>
    public VisualTokens Visual => _visual;

    /// <summary>Starts a pass over the prompt and the answer ids behind it: a draft, or what was generated. Visual features replace the placeholders' embeddings.</summary>
    public void Start(Sequence sequence, IReadOnlyList<int> answer)
    {
        var ids = sequence.Prompt.Ids;
        _visual = sequence.Visual;
        _present = null;
        _answerRows = answer.Count;
        Cached = 0;
        Count = ids.Length + answer.Count;
        _features = sequence.Features;
        _featureWidth = sequence.VisualPositions.Length == 0 ? 0 : _features.Length / sequence.VisualPositions.Length;
        _featureOf = new int[Count];
        var hidden = _hidden.Span(Count * width);
        var feature = 0;
        for (var i = 0; i < Count; i++)
        {
            var row = hidden.Slice(i * width, width);
            if (feature < sequence.VisualPositions.Length && sequence.VisualPositions[feature] == i)
            {
                _features.AsSpan(feature * _featureWidth, width).CopyTo(row);
                _featureOf[i] = feature++;
            }
            else
            {
                _featureOf[i] = NoFeature;
                embeddings.Read(i < ids.Length ? ids[i] : answer[i - ids.Length], row);
            }
        }

        var next = ids.Length + sequence.Positions.Delta;
        _promptMaxPosition = sequence.Positions.Largest;
        _positions = [.. sequence.Positions.Axes.Select(axis => axis.Concat(Enumerable.Range(next, answer.Count)).ToArray())];
        _maxPosition = _positions.Max(axis => axis.Length == 0 ? 0 : axis.Max());
    }

    /// <summary>Keeps the text, the answer and the visual tokens of the mask; closes the gaps. Position ids stay the original ones.</summary>
    public void Keep(KeepMask mask)
    {
        var kept = _visual.GatherRows(_present, mask);
        var promptRows = Count - _answerRows;
        _present = mask;
        Count = kept.Length + _answerRows;
        var hidden = _hidden.Span((promptRows + _answerRows) * width);
        for (var i = 0; i < Count; i++)
        {
            var from = i < kept.Length ? kept[i] : promptRows + (i - kept.Length);
            if (from != i)
            {
                hidden.Slice(from * width, width).CopyTo(hidden[(i * width)..]);
                _featureOf[i] = _featureOf[from];
                foreach (var axis in _positions)
                {
                    axis[i] = axis[from];
                }
            }
        }
    }

    /// <summary>
    /// Leaves out the rows in front of the first image, for a pass behind a finished generation: they see no visual token, so the keys and values that
    /// its prefill left in the caches are those that this pass would compute.
    /// </summary>
    public void ReuseFront()
    {
        if (_visual.First <= 0 || !rotary.RotatesAlike(_promptMaxPosition, _maxPosition))
        {
            return;
        }

        Cached = _visual.First;
        Count -= Cached;
        var hidden = _hidden.Span((Cached + Count) * width);
        hidden[(Cached * width)..].CopyTo(hidden);
        _featureOf.AsSpan(Cached, Count).CopyTo(_featureOf);
        foreach (var axis in _positions)
        {
            axis.AsSpan(Cached, Count).CopyTo(axis);
        }
    }

    /// <summary>Writes cos and sin of all rows.</summary>
    public void WriteRotary(StageInputs inputs)
    {
        var flat = new int[_positions.Length * Count];
        for (var a = 0; a < _positions.Length; a++)
        {
            _positions[a].AsSpan(0, Count).CopyTo(flat.AsSpan(a * Count));
        }

        var values = Count * rotary.Width;
        rotary.Compute(flat, _maxPosition, inputs.Cos.Span(values), inputs.Sin.Span(values));
    }

    /// <summary>Writes what is added behind some of the layers: to each visual token that is left its own part of the tower's output, to the other rows nothing.</summary>
    public void WriteDeepStack(StageInputs inputs, int first, int last)
    {
        inputs.DeepStackRows = Count;
        for (var layer = first; layer <= last && layer < inputs.DeepStack.Count; layer++)
        {
            var target = inputs.DeepStack[layer].Span(Count * width);
            for (var i = 0; i < Count; i++)
            {
                var row = target.Slice(i * width, width);
                if (_featureOf[i] == NoFeature)
                {
                    row.Clear();
                }
                else
                {
                    _features.AsSpan((_featureOf[i] * _featureWidth) + ((1 + layer) * width), width).CopyTo(row);
                }
            }
        }
    }

    /// <summary>Makes the stage's output the next stage's input.</summary>
    public void Advance() => (_hidden, _next) = (_next, _hidden);

    /// <summary>Copies the rows that predict answer ids <paramref name="first"/>..: the row in front of each predicts it, so 0 is the prompt's last row.</summary>
    public void CopyAnswerRows(int first, int count, Span<float> target) =>
        _hidden.Span(Count * width).Slice((Count - _answerRows - 1 + first) * width, count * width).CopyTo(target);

    /// <summary>Position ids of the rows, [axes][rows].</summary>
    public int[][] Positions() => [.. _positions.Select(axis => axis[..Count])];

    /// <summary>All hidden rows, for verification.</summary>
    public float[] ToArray() => _hidden.Span(Count * width).ToArray();

    public void Dispose()
    {
        _hidden.Dispose();
        _next.Dispose();
    }
}
