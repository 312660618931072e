using Sgl.Grammar.Internal;

namespace Sgl.Grammar;

/// <summary>The tokens of a vocabulary by the bytes that they write, beginnings shared. Immutable.</summary>
public sealed class TokenTrie
{
    private readonly ReadOnlyMemory<byte>[] _tokens;
    private readonly int[] _sorted;

    // The nodes in the order of a walk: a node's descendants stand behind it, as far as _ends says. _here: the tokens that end there, places in _sorted.
    private readonly byte[] _labels;
    private readonly ushort[] _depths;
    private readonly int[] _ends;
    private readonly (int First, int Count)[] _here;

    /// <summary>Creates the trie.</summary>
    /// <param name="tokens">What each id writes, by id; nothing: it is never chosen.</param>
    /// <exception cref="ArgumentException">A token is longer than 65,535 bytes.</exception>
    public TokenTrie(IReadOnlyList<ReadOnlyMemory<byte>> tokens)
    {
        _tokens = [.. tokens];
        if (Array.Exists(_tokens, t => t.Length > ushort.MaxValue))
        {
            throw new ArgumentException($"A token is longer than {ushort.MaxValue} bytes.", nameof(tokens));
        }

        _sorted = [.. Enumerable.Range(0, _tokens.Length).Where(id => _tokens[id].Length > 0)];
        Array.Sort(_sorted, (a, b) => _tokens[a].Span.SequenceCompareTo(_tokens[b].Span) is not 0 and var order ? order : a.CompareTo(b));
        List<byte> labels = [];
        List<ushort> depths = [];
        List<int> ends = [];
        List<(int First, int Count)> here = [];
        var path = new Stack<int>();
        for (var i = 0; i < _sorted.Length; i++)
        {
            var token = _tokens[_sorted[i]].Span;
            var shared = i == 0 ? 0 : token.CommonPrefixLength(_tokens[_sorted[i - 1]].Span);
            Close(shared);
            for (var at = shared; at < token.Length; at++)
            {
                path.Push(labels.Count);
                labels.Add(token[at]);
                depths.Add((ushort)at);
                ends.Add(0);
                here.Add((i, 0));
            }

            here[path.Peek()] = (here[path.Peek()].First, here[path.Peek()].Count + 1);
        }

        Close(0);
        (_labels, _depths, _ends, _here) = ([.. labels], [.. depths], [.. ends], [.. here]);
        LongestToken = _depths.Length == 0 ? 0 : _depths.Max() + 1;

        void Close(int depth)
        {
            while (path.Count > depth)
            {
                ends[path.Pop()] = labels.Count;
            }
        }
    }

    /// <summary>Ids of the vocabulary.</summary>
    public int Count => _tokens.Length;

    internal int LongestToken { get; }

    /// <summary>What an id writes.</summary>
    internal ReadOnlySpan<byte> Bytes(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id].Span : default;

    /// <summary>The tokens all of whose bytes may come, a bit for each id.</summary>
    internal ulong[] Mask(Automaton automaton, State from)
    {
        var mask = new ulong[(_tokens.Length + 63) / 64];
        var states = new State[LongestToken + 1];
        states[0] = from;
        for (var node = 0; node < _labels.Length;)
        {
            var depth = _depths[node];
            var state = automaton.Step(states[depth], _labels[node]);
            if (state.IsDead)
            {
                node = _ends[node];
                continue;
            }

            states[depth + 1] = state;
            var (first, count) = _here[node];
            foreach (var id in _sorted.AsSpan(first, count))
            {
                mask[id >> 6] |= 1UL << (id & 63);
            }

            node++;
        }

        return mask;
    }
}
