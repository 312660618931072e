using System.Text;

namespace Sgl.Grammar.Tests.Support;

/// <summary>Answers to a grammar, byte by byte or token by token.</summary>
internal static class Walk
{
    /// <summary>Whether a text is accepted as a whole.</summary>
    public static bool Accepts(JsonGrammar grammar, string text)
    {
        var cursor = new TokenGrammar(grammar, Vocabularies.Bytes).Begin();
        foreach (var b in Encoding.UTF8.GetBytes(text))
        {
            if (!cursor.Allows(b))
            {
                return false;
            }

            cursor.Advance(b);
        }

        return cursor.MayEnd;
    }

    public static bool Accepts(string schema, string text) => Accepts(JsonGrammar.OfSchema(schema), text);

    /// <summary>Chooses among the tokens that may come, at random for a while, then those that end soonest, until the answer may end.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="tokens">What each id writes.</param>
    /// <param name="random">Chooses.</param>
    /// <param name="free">Tokens that are chosen at random.</param>
    public static string Random(TokenGrammar grammar, IReadOnlyList<ReadOnlyMemory<byte>> tokens, Random random, int free)
    {
        var cursor = grammar.Begin();
        var bytes = new List<byte>();
        var scores = new float[tokens.Count];
        for (var step = 0; step < 20_000; step++)
        {
            if (cursor.IsComplete || (step >= free && cursor.MayEnd))
            {
                return Encoding.UTF8.GetString([.. bytes]);
            }

            Array.Clear(scores);
            cursor.Restrict(scores);
            int[] allowed = [.. Enumerable.Range(0, scores.Length).Where(id => scores[id] == 0)];
            Assert.NotEmpty(allowed);
            var isText = Array.Exists(allowed, t => tokens[t].Span[0] == 'z') && Array.Exists(allowed, t => tokens[t].Span[0] == '}');
            var id = step < free ? allowed[random.Next(allowed.Length)] : allowed.MinBy(t => Eagerness(tokens[t].Span, isText ? "\"z" : "}]\"n0123456789"));
            cursor.Advance(id);
            bytes.AddRange(tokens[id].Span);
        }

        throw new InvalidOperationException("the answer did not end: " + Encoding.UTF8.GetString([.. bytes.Take(500)]));
    }

    // What closes comes first; of values the short ones.
    private static int Eagerness(ReadOnlySpan<byte> token, string order) => order.IndexOf((char)token[0], StringComparison.Ordinal) is >= 0 and var at ? (at * 256) + token.Length : 100_000 + token.Length;
}
