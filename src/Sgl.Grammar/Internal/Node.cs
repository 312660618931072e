namespace Sgl.Grammar.Internal;

/// <summary>What happens at a place of a grammar.</summary>
internal enum NodeKind
{
    /// <summary>Goes on at any of the targets, without a byte.</summary>
    Jump,

    /// <summary>Takes a byte; which one says where it goes on.</summary>
    Bytes,

    /// <summary>Runs the rule that begins at the first target, then goes on at the second.</summary>
    Call,

    /// <summary>Ends a rule.</summary>
    Return,
}

/// <summary>Bytes that lead to a place.</summary>
internal readonly record struct ByteRange(byte Low, byte High, Node Target);

/// <summary>A place of a grammar: a pushdown automaton over bytes, whose rules are its stack.</summary>
/// <param name="id">Its number.</param>
/// <param name="kind">What happens there.</param>
internal sealed class Node(int id, NodeKind kind)
{
    /// <summary>No end is to be reached.</summary>
    public const int Endless = int.MaxValue / 2;

    public int Id => id;

    public NodeKind Kind => kind;

    /// <summary>Of <see cref="NodeKind.Bytes"/>: disjoint.</summary>
    public ByteRange[] Ranges { get; init; } = [];

    /// <summary>Of <see cref="NodeKind.Jump"/> and <see cref="NodeKind.Call"/>. Set later where a rule is needed before it is made.</summary>
    public Node[] Targets { get; set; } = [];

    /// <summary>Least number of rules that open inside this one on the way from here to its end.</summary>
    public int Height { get; set; } = Endless;
}
