namespace Sgl.Grammar.Internal;

/// <summary>Where a rule goes on when the one it has called ends.</summary>
/// <param name="id">Its number.</param>
/// <param name="next">Where.</param>
/// <param name="parent">The same of the rule that it is in; null: the outermost.</param>
/// <param name="depth">Rules that are open.</param>
internal sealed class Frame(int id, Node next, Frame? parent, int depth)
{
    public int Id => id;

    public Node Next => next;

    public Frame? Parent => parent;

    public int Depth => depth;
}

/// <summary>One way in which what was written so far may be read: a place that takes a byte, and the rules that are open around it.</summary>
internal readonly record struct Reading(Node Node, Frame? Frame)
{
    public (int Node, int Frame) Key => (Node.Id, Frame?.Id ?? -1);
}

/// <summary>All ways in which what was written so far may be read.</summary>
/// <param name="readings">By their keys.</param>
/// <param name="accepts">Whether it may end here.</param>
internal sealed class State(Reading[] readings, bool accepts) : IEquatable<State>
{
    public Reading[] Readings => readings;

    public bool Accepts => accepts;

    /// <summary>What a byte leads to, as far as it was asked; a state without readings that accepts nothing: no text goes on so.</summary>
    public State?[] Next => field ??= new State?[256];

    /// <summary>The tokens that may come, a bit for each id; null: not made, or forgotten.</summary>
    public ulong[]? Mask { get; set; }

    public bool IsDead => readings.Length == 0 && !accepts;

    public bool Equals(State? other) => other is not null && accepts == other.Accepts && readings.AsSpan().SequenceEqual(other.Readings);

    public override bool Equals(object? obj) => Equals(obj as State);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(accepts);
        foreach (var reading in readings)
        {
            hash.Add(reading.Key);
        }

        return hash.ToHashCode();
    }
}
