namespace Sgl.Grammar.Internal;

/// <summary>Runs a grammar over bytes. States are made as they are met and remembered, so that bytes that were met there before cost a look-up. For one thread.</summary>
internal sealed class Automaton
{
    /// <summary>No text goes on so.</summary>
    public static readonly State Dead = new([], accepts: false);

    private readonly Dictionary<(int Node, int Parent), Frame> _frames = [];
    private readonly Dictionary<State, State> _states = [];
    private readonly HashSet<Reading> _seen = [];
    private readonly List<Reading> _found = [];
    private readonly Stack<Reading> _open = [];
    private int _frameCount;
    private bool _accepts;

    public Automaton(Node start)
    {
        Follow(new Reading(start, null));
        Start = Take();
    }

    /// <summary>Nothing was written yet.</summary>
    public State Start { get; }

    /// <summary>What a byte leads to.</summary>
    public State Step(State state, byte value) => state.Next[value] ?? Find(state, value);

    /// <summary>Finds what a byte leads to, and remembers it for all bytes around it that every place takes alike: those of a text are found at once.</summary>
    private State Find(State state, byte value)
    {
        int first = byte.MinValue, last = byte.MaxValue;
        foreach (var (node, frame) in state.Readings)
        {
            foreach (var range in node.Ranges)
            {
                if (value < range.Low)
                {
                    last = Math.Min(last, range.Low - 1);
                }
                else if (value > range.High)
                {
                    first = Math.Max(first, range.High + 1);
                }
                else
                {
                    (first, last) = (Math.Max(first, range.Low), Math.Min(last, range.High));
                    Follow(new Reading(range.Target, frame));
                }
            }
        }

        var next = Take();
        state.Next.AsSpan(first, last - first + 1).Fill(next);
        return next;
    }

    /// <summary>Finds all places that take a byte, from one on. Ways that have no end within the depth that is left are not gone, so that every state can be completed.</summary>
    private void Follow(Reading from)
    {
        _open.Push(from);
        while (_open.TryPop(out var reading))
        {
            var (node, frame) = reading;
            if ((frame?.Depth ?? 0) + node.Height > GrammarLimits.MaxDepth || _found.Count >= GrammarLimits.MaxThreads || _seen.Count >= GrammarLimits.MaxVisits || !_seen.Add(reading))
            {
                continue;
            }

            switch (node.Kind)
            {
                case NodeKind.Bytes:
                    _found.Add(reading);
                    break;
                case NodeKind.Call:
                    _open.Push(new Reading(node.Targets[0], Open(node.Targets[1], frame)));
                    break;
                case NodeKind.Return when frame is null:
                    _accepts = true;
                    break;
                case NodeKind.Return:
                    _open.Push(new Reading(frame.Next, frame.Parent));
                    break;
                default:
                    // The first of them on top.
                    for (var i = node.Targets.Length - 1; i >= 0; i--)
                    {
                        _open.Push(new Reading(node.Targets[i], frame));
                    }

                    break;
            }
        }
    }

    private Frame Open(Node next, Frame? parent)
    {
        var key = (next.Id, parent?.Id ?? -1);
        if (!_frames.TryGetValue(key, out var frame))
        {
            frame = new Frame(_frameCount++, next, parent, (parent?.Depth ?? 0) + 1);
            _frames.Add(key, frame);
        }

        return frame;
    }

    private State Take()
    {
        _found.Sort((a, b) => a.Key.CompareTo(b.Key));
        var state = new State([.. _found], _accepts);
        _accepts = false;
        _found.Clear();
        _seen.Clear();
        if (_states.TryGetValue(state, out var known))
        {
            return known;
        }

        if (_states.Count >= GrammarLimits.MaxStates)
        {
            // Whoever holds an old state goes on with it: equal ones are then made twice, and mean the same.
            _states.Clear();
            _frames.Clear();
        }

        _states.Add(state, state);
        return state;
    }
}
