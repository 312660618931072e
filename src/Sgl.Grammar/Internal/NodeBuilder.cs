namespace Sgl.Grammar.Internal;

/// <summary>Makes the places of a grammar, from the last to the first: each is told what comes behind it.</summary>
internal sealed class NodeBuilder
{
    private readonly List<Node> _nodes = [];

    public NodeBuilder() => End = Add(new Node(0, NodeKind.Return) { Height = 0 });

    /// <summary>The end of every rule.</summary>
    public Node End { get; }

    /// <summary>Any of some ways; none: nothing can be written.</summary>
    public Node Jump(params Node[] targets) => Add(new Node(_nodes.Count, NodeKind.Jump) { Targets = targets });

    /// <summary>A rule, then what comes behind it.</summary>
    public Node Call(Node rule, Node next) => Add(new Node(_nodes.Count, NodeKind.Call) { Targets = [rule, next] });

    /// <summary>One byte.</summary>
    public Node Byte(char value, Node next) => Bytes((value, value, next));

    /// <summary>One byte of some ranges, which are disjoint.</summary>
    public Node Bytes(params (int Low, int High, Node Target)[] ranges) =>
        Add(new Node(_nodes.Count, NodeKind.Bytes) { Ranges = [.. ranges.Select(r => new ByteRange((byte)r.Low, (byte)r.High, r.Target))] });

    /// <summary>A text as it is.</summary>
    public Node Literal(ReadOnlySpan<byte> text, Node next)
    {
        for (var i = text.Length - 1; i >= 0; i--)
        {
            next = Bytes((text[i], text[i], next));
        }

        return next;
    }

    /// <summary>One of some different texts, read together, so that many cost no more than one.</summary>
    public Node Literals(IReadOnlyList<byte[]> texts, Node next, int at = 0)
    {
        if (texts.Count == 1)
        {
            return Literal(texts[0].AsSpan(at), next);
        }

        var first = texts[0].AsSpan(at);
        var shared = texts.Min(t => t.AsSpan(at).CommonPrefixLength(texts[0].AsSpan(at)));
        var fork = at + shared;
        var longer = Bytes([.. texts.Where(t => t.Length > fork).GroupBy(t => t[fork]).Select(g => ((int)g.Key, (int)g.Key, Literals([.. g], next, fork + 1)))]);
        return Literal(first[..shared], texts.Any(t => t.Length == fork) ? Jump(next, longer) : longer);
    }

    /// <summary>A space or none: models write both, and more would be room to run in circles.</summary>
    public Node OptionalSpace(Node next) => Jump(next, Byte(' ', next));

    /// <summary>Sets <see cref="Node.Height"/> of all: nodes by rising height, as Knuth generalises Dijkstra's algorithm to grammars.</summary>
    public void SetHeights()
    {
        var before = _nodes.ConvertAll(_ => new List<Node>());
        foreach (var node in _nodes)
        {
            foreach (var target in node.Targets.Concat(node.Ranges.Select(r => r.Target)))
            {
                before[target.Id].Add(node);
            }
        }

        var byHeight = new Stack<Node>[GrammarLimits.MaxDepth + 1];
        for (var i = 0; i < byHeight.Length; i++)
        {
            byHeight[i] = [];
        }

        byHeight[0].Push(End);
        for (var height = 0; height < byHeight.Length; height++)
        {
            while (byHeight[height].TryPop(out var node))
            {
                foreach (var earlier in before[node.Id])
                {
                    var reached = earlier.Kind == NodeKind.Call ? Math.Max(earlier.Targets[0].Height + 1, earlier.Targets[1].Height) : height;
                    if (reached < earlier.Height && reached < byHeight.Length)
                    {
                        earlier.Height = reached;
                        byHeight[reached].Push(earlier);
                    }
                }
            }
        }
    }

    private Node Add(Node node)
    {
        if (_nodes.Count >= GrammarLimits.MaxNodes)
        {
            throw new GrammarException("", $"is too large: it would take more than {GrammarLimits.MaxNodes} places in a grammar; lower maxItems and maxLength, or leave parts out");
        }

        _nodes.Add(node);
        return node;
    }
}
