using Sgl.Guidance;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>
/// All rows of a forward pass over a prompt and answer ids behind it, before anything is pruned or run: row r is position r of the prompt, rows behind it
/// are the answer's. Immutable.
/// </summary>
internal sealed class PassRows
{
    private const int NoFeature = -1;

    private readonly Sequence _sequence;
    private readonly int[] _answer;
    private readonly int[] _visualOf;

    /// <param name="sequence">The request.</param>
    /// <param name="answer">Ids behind the prompt: a draft, or what was generated.</param>
    public PassRows(Sequence sequence, IReadOnlyList<int> answer)
    {
        _sequence = sequence;
        _answer = [.. answer];
        _visualOf = new int[Count];
        Array.Fill(_visualOf, NoFeature);
        for (var i = 0; i < sequence.VisualPositions.Length; i++)
        {
            _visualOf[sequence.VisualPositions[i]] = i;
        }

        MaxPosition = Math.Max(sequence.Positions.Largest, Count - 1 + sequence.Positions.Delta);
    }

    /// <summary>S and the answer ids.</summary>
    public int Count => PromptCount + AnswerCount;

    /// <summary>S.</summary>
    public int PromptCount => _sequence.Prompt.Ids.Length;

    /// <summary>Ids behind the prompt.</summary>
    public int AnswerCount => _answer.Length;

    /// <summary>Position axes: one, or t, h, w.</summary>
    public int Axes => _sequence.Positions.Axes.Length;

    /// <summary>Largest position id of all rows and axes, whatever is pruned: it decides how rows are rotated.</summary>
    public int MaxPosition { get; }

    // They may come after the rows were made.
    private int FeatureWidth => _sequence.Features.Length / _sequence.VisualPositions.Length;

    /// <summary>Which visual token a row is; negative for text.</summary>
    public int VisualOf(int row) => _visualOf[row];

    /// <summary>The rows that a mask leaves, ascending: text, the answer, and the visual tokens that it keeps; without a mask all.</summary>
    public int[] Kept(KeepMask? mask) =>
        [.. mask is null ? Enumerable.Range(0, PromptCount) : _sequence.Visual.KeptPositions(mask), .. Enumerable.Range(PromptCount, AnswerCount)];

    /// <summary>Position id of a row.</summary>
    public int Position(int axis, int row) => row < PromptCount ? _sequence.Positions.Axes[axis][row] : row + _sequence.Positions.Delta;

    /// <summary>What goes into layer 0, [hidden]: a visual token's features, or an id's embedding.</summary>
    public void Read(int row, EmbeddingTable embeddings, Span<float> target)
    {
        if (_visualOf[row] is var visual and not NoFeature)
        {
            _sequence.Features.AsSpan(visual * FeatureWidth, target.Length).CopyTo(target);
        }
        else
        {
            embeddings.Read(row < PromptCount ? _sequence.Prompt.Ids[row] : _answer[row - PromptCount], target);
        }
    }

    /// <summary>What is added to a row behind one of the first layers, [hidden]: for a visual token a part of the tower's output of its own, else nothing.</summary>
    public void ReadDeepStack(int row, int layer, Span<float> target)
    {
        if (_visualOf[row] is var visual and not NoFeature)
        {
            _sequence.Features.AsSpan((visual * FeatureWidth) + ((1 + layer) * target.Length), target.Length).CopyTo(target);
        }
        else
        {
            target.Clear();
        }
    }
}
