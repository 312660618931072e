using Sgl.Grammar.Internal;

namespace Sgl.Grammar;

/// <summary>A grammar over the tokens of a vocabulary. What it finds out is remembered for all answers that it holds to the grammar. For one thread.</summary>
public sealed class TokenGrammar
{
    private readonly TokenTrie _tokens;
    private readonly Queue<State> _masked = [];

    /// <summary>Creates it.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="tokens">The vocabulary.</param>
    public TokenGrammar(JsonGrammar grammar, TokenTrie tokens)
    {
        ArgumentNullException.ThrowIfNull(grammar);
        ArgumentNullException.ThrowIfNull(tokens);
        (Grammar, _tokens) = (grammar, tokens);
        Automaton = new Automaton(grammar.Start);
    }

    /// <summary>The grammar.</summary>
    public JsonGrammar Grammar { get; }

    internal Automaton Automaton { get; }

    /// <summary>An answer of which nothing is written yet.</summary>
    public GrammarCursor Begin() => new(this);

    /// <summary>What a token leads to; dead where it may not come.</summary>
    internal State Step(State state, int token)
    {
        var bytes = _tokens.Bytes(token);
        if (bytes.IsEmpty)
        {
            return Automaton.Dead;
        }

        for (var i = 0; i < bytes.Length && !state.IsDead; i++)
        {
            state = Automaton.Step(state, bytes[i]);
        }

        return state;
    }

    /// <summary>The tokens that may come, a bit for each id.</summary>
    internal ReadOnlySpan<ulong> Mask(State state)
    {
        if (state.Mask is null)
        {
            if (_masked.Count >= GrammarLimits.MaxMasks)
            {
                _masked.Dequeue().Mask = null;
            }

            state.Mask = _tokens.Mask(Automaton, state);
            _masked.Enqueue(state);
        }

        return state.Mask;
    }
}
