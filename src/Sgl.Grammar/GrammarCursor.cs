using System.Numerics;
using Sgl.Grammar.Internal;

namespace Sgl.Grammar;

/// <summary>Where an answer stands in its grammar. Used by the thread of its <see cref="TokenGrammar"/> only.</summary>
public sealed class GrammarCursor
{
    private readonly TokenGrammar _grammar;
    private State _state;

    internal GrammarCursor(TokenGrammar grammar) => (_grammar, _state) = (grammar, grammar.Automaton.Start);

    /// <summary>Whether the answer may end here.</summary>
    public bool MayEnd => _state.Accepts;

    /// <summary>Whether it must: nothing can follow.</summary>
    public bool IsComplete => _state.Accepts && _state.Readings.Length == 0;

    /// <summary>Whether a token may come next.</summary>
    public bool Allows(int token) => !_grammar.Step(_state, token).IsDead;

    /// <summary>Goes on behind a token.</summary>
    /// <exception cref="ArgumentException">It may not come.</exception>
    public void Advance(int token)
    {
        var next = _grammar.Step(_state, token);
        _state = next.IsDead ? throw new ArgumentException($"Token {token} may not come here.", nameof(token)) : next;
    }

    /// <summary>Makes the scores of all tokens that may not come next minus infinity.</summary>
    /// <param name="scores">One for each id, as many as the vocabulary has or fewer.</param>
    public void Restrict(Span<float> scores)
    {
        var mask = _grammar.Mask(_state);
        for (var from = 0; from < scores.Length; from += 64)
        {
            var block = scores.Slice(from, Math.Min(64, scores.Length - from));
            var allowed = from >> 6 < mask.Length ? mask[from >> 6] : 0;
            if (allowed == 0)
            {
                block.Fill(float.NegativeInfinity);
                continue;
            }

            for (var refused = ~allowed; refused != 0; refused &= refused - 1)
            {
                if (BitOperations.TrailingZeroCount(refused) is var bit && bit < block.Length)
                {
                    block[bit] = float.NegativeInfinity;
                }
            }
        }
    }
}
