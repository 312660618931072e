using Sgl.Inference.Internal.Decoding;

namespace Sgl.Inference.Internal.Scheduling;

/// <summary>
/// Sequences with work beside decode steps, by turn. Consistency passes first: they are short, and their slots are free soon. Then prompts by when they would be done if they had
/// run alone since they came, counted in rows that the engine runs: a short prompt passes a long one that has more left, and the long one is passed only by what came before
/// its own time was over. Used by the engine thread only.
/// </summary>
internal sealed class WorkQueue
{
    private readonly LinkedList<Sequence> _sequences = [];

    /// <summary>Whose turn it is; null: nobody's.</summary>
    public Sequence? First => _sequences.First?.Value;

    /// <summary>The first in turn that can go on; null: none can. One that waits for its image cannot while another one in front of it has that image.</summary>
    /// <param name="canGoOn">Is asked in turn, and may take the sequence that it is asked about out of the queue.</param>
    public Sequence? FirstOf(Func<Sequence, bool> canGoOn)
    {
        for (var node = _sequences.First; node is not null;)
        {
            var (sequence, next) = (node.Value, node.Next);
            if (!(sequence.WaitsForItsImage && InFront(node, other => other.DueAt > long.MinValue && SharesItsImage(sequence, other))) && canGoOn(sequence))
            {
                return sequence;
            }

            node = next;
        }

        return null;
    }

    /// <summary>Rows of prompts that wait to run.</summary>
    public long RowsLeft => _sequences.Sum(s => (long)s.RowsLeft);

    /// <summary>Adds a sequence with its prompt still to run.</summary>
    /// <param name="sequence">The sequence; <see cref="Sequence.RowsLeft"/> is set.</param>
    /// <param name="rowsRun">Rows that the engine has run until now.</param>
    /// <param name="waitsForItsImage">Whether it has an image that is not known yet.</param>
    public void AddPrompt(Sequence sequence, long rowsRun, bool waitsForItsImage)
    {
        sequence.DueAt = rowsRun + sequence.RowsLeft;
        foreach (var other in _sequences)
        {
            // What runs already will be there to be taken over: running it twice side by side would serve nobody.
            if (waitsForItsImage && other.RowsLeft > 0 && SharesItsImage(sequence, other))
            {
                sequence.WaitsForItsImage = true;
                sequence.DueAt = Math.Max(sequence.DueAt, other.DueAt);
            }
        }

        Insert(sequence, other => other.DueAt <= sequence.DueAt);
    }

    /// <summary>Adds a sequence with its consistency pass to run.</summary>
    public void AddConsistency(Sequence sequence)
    {
        (sequence.DueAt, sequence.RowsLeft) = (long.MinValue, 0);
        Insert(sequence, other => other.DueAt == long.MinValue);
    }

    public void Remove(Sequence sequence) => _sequences.Remove(sequence);

    private static bool SharesItsImage(Sequence one, Sequence other) =>
        one.ImageKeys is [var a, ..] && other.ImageKeys is [var b, ..] && a == b && one.Prompt.CacheScope == other.Prompt.CacheScope;

    private static bool InFront(LinkedListNode<Sequence> node, Func<Sequence, bool> what)
    {
        for (var other = node.Previous; other is not null; other = other.Previous)
        {
            if (what(other.Value))
            {
                return true;
            }
        }

        return false;
    }

    private void Insert(Sequence sequence, Func<Sequence, bool> comesBefore)
    {
        var node = _sequences.First;
        while (node is not null && comesBefore(node.Value))
        {
            node = node.Next;
        }

        if (node is null)
        {
            _sequences.AddLast(sequence);
        }
        else
        {
            _sequences.AddBefore(node, sequence);
        }
    }
}
