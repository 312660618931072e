namespace Sgl.Text.Internal;

/// <summary>Finds which of a set of strings begin at a position of a text.</summary>
internal sealed class PrefixTrie
{
    private readonly Dictionary<(int Node, char Unit), int> _edges = [];
    private readonly List<int> _values = [-1];

    public bool IsEmpty => _edges.Count == 0;

    /// <summary>Adds a string; a later one with the same content replaces the earlier value.</summary>
    public void Add(string content, int value)
    {
        var node = 0;
        foreach (var unit in content)
        {
            if (!_edges.TryGetValue((node, unit), out var next))
            {
                next = _values.Count;
                _edges.Add((node, unit), next);
                _values.Add(-1);
            }

            node = next;
        }

        _values[node] = value;
    }

    /// <summary>
    /// The longest string at <paramref name="start"/> whose end passes <paramref name="accepts"/>.
    /// </summary>
    /// <returns>Its value and length, or (-1, 0).</returns>
    public (int Value, int Length) Longest<TAccept>(ReadOnlySpan<char> text, int start, TAccept accepts)
        where TAccept : struct, IMatchFilter
    {
        var best = (-1, 0);
        var node = 0;
        for (var i = start; i < text.Length && _edges.TryGetValue((node, text[i]), out node); i++)
        {
            var value = _values[node];
            if (value >= 0 && accepts.Accepts(value, start, i + 1))
            {
                best = (value, i + 1 - start);
            }
        }

        return best;
    }
}

/// <summary>Decides whether a match may be used.</summary>
internal interface IMatchFilter
{
    bool Accepts(int value, int start, int end);
}
