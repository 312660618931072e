using System.Text;
using System.Text.Json;
using Sgl.Grammar.Tests.Support;

namespace Sgl.Grammar.Tests;

/// <summary>Grammars over a vocabulary whose tokens are several bytes.</summary>
public sealed class TokenGrammarTests
{
    private const string Answer = """{"type":"object","properties":{"code":{"type":"string","maxLength":8},"sure":{"type":"boolean"},"box":{"type":"array","items":{"type":"integer"},"minItems":4,"maxItems":4}},"required":["code","sure"]}""";

    [Fact]
    public void Restrict_AnyState_AllowsWhatTheTokensBytesAllow()
    {
        var tokens = Vocabularies.Demo;
        var grammar = new TokenGrammar(JsonGrammar.OfSchema(Answer), new TokenTrie(tokens));
        var random = new Random(5);
        for (var walk = 0; walk < 6; walk++)
        {
            var cursor = grammar.Begin();
            for (var step = 0; step < 25 && !cursor.IsComplete; step++)
            {
                var scores = new float[tokens.Count];
                cursor.Restrict(scores);
                Assert.Equal(Enumerable.Range(0, tokens.Count).Where(cursor.Allows), Enumerable.Range(0, tokens.Count).Where(id => scores[id] == 0));
                int[] allowed = [.. Enumerable.Range(0, tokens.Count).Where(id => scores[id] == 0)];
                cursor.Advance(allowed[random.Next(allowed.Length)]);
            }
        }
    }

    [Fact]
    public void Restrict_WalksOverTheDemoVocabulary_EndInJsonOfTheSchema()
    {
        var tokens = Vocabularies.Demo;
        var trie = new TokenTrie(tokens);
        for (var seed = 0; seed < 60; seed++)
        {
            var schema = seed % 3 == 0 ? Answer : new RandomSchema(seed).Schema;
            var text = Walk.Random(new TokenGrammar(JsonGrammar.OfSchema(schema), trie), tokens, new Random(seed), free: seed);
            Assert.True(SchemaCheck.Satisfies(text, schema), $"seed {seed}: {text} of {schema}");
        }
    }

    [Fact]
    public void Restrict_MoreScoresThanTokens_RefusesTheRest()
    {
        var cursor = new TokenGrammar(JsonGrammar.OfSchema("{}"), Vocabularies.Bytes).Begin();
        var scores = new float[300];

        cursor.Restrict(scores);

        Assert.Equal(0, scores['{']);
        Assert.All(scores[256..], s => Assert.Equal(float.NegativeInfinity, s));
    }

    [Fact]
    public void Advance_TokenThatMayNotCome_Throws()
    {
        var cursor = new TokenGrammar(JsonGrammar.OfSchema(Answer), Vocabularies.Bytes).Begin();

        Assert.Throws<ArgumentException>(() => cursor.Advance('['));
        Assert.Throws<ArgumentException>(() => cursor.Advance(-1));
        Assert.Throws<ArgumentException>(() => cursor.Advance(256));
    }

    [Fact]
    public void Allows_TokensWithEqualBytesAndBeginnings_AllFound()
    {
        ReadOnlyMemory<byte>[] tokens = [.. new[] { "tr", "true", "", "tr", "ue", "true", "t", "false", "x" }.Select(t => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(t))];
        var cursor = new TokenGrammar(JsonGrammar.OfSchema("""{"const":true}"""), new TokenTrie(tokens)).Begin();
        var scores = new float[tokens.Length];

        cursor.Restrict(scores);

        Assert.Equal([0, 1, 3, 5, 6], Enumerable.Range(0, tokens.Length).Where(id => scores[id] == 0));
        cursor.Advance(3);
        Assert.False(cursor.MayEnd);
        cursor.Advance(4);
        Assert.True(cursor.IsComplete);
    }

    [Fact]
    public void Begin_MoreStatesAndMasksThanAreKept_StillTheSameAnswers()
    {
        // Every length is a state of its own, beyond what is remembered.
        var grammar = new TokenGrammar(JsonGrammar.OfSchema("""{"type":"string","maxLength":3000}"""), Vocabularies.Bytes);
        for (var again = 0; again < 2; again++)
        {
            var cursor = grammar.Begin();
            cursor.Advance('"');
            var scores = new float[256];
            for (var i = 0; i < 3000; i++)
            {
                Array.Clear(scores);
                cursor.Restrict(scores);
                Assert.Equal(0, scores['x']);
                cursor.Advance('x');
            }

            Assert.False(cursor.Allows('x'));
            cursor.Advance('"');
            Assert.True(cursor.IsComplete);
        }
    }

    [Fact]
    public void Begin_IntegerAtTheRoot_MayEndAndGoOn()
    {
        var cursor = new TokenGrammar(JsonGrammar.OfSchema("""{"type":"integer"}"""), Vocabularies.Bytes).Begin();
        cursor.Advance('4');

        Assert.True(cursor.MayEnd);
        Assert.False(cursor.IsComplete);
        Assert.True(cursor.Allows('2'));
    }

    [Fact]
    public void Begin_ManyReadingsOfOneText_BoundedAndStillCompleted()
    {
        // Each level doubles the ways to read "[[[[...".
        const string schema = """{"$ref":"#/$defs/x","$defs":{"x":{"anyOf":[{"type":"array","items":{"$ref":"#/$defs/x"}},{"type":"array","items":{"$ref":"#/$defs/x"},"maxItems":3},{"type":"null"}]}}}""";
        var grammar = new TokenGrammar(JsonGrammar.OfSchema(schema), Vocabularies.Bytes);
        var cursor = grammar.Begin();
        var text = new StringBuilder();
        while (cursor.Allows('['))
        {
            cursor.Advance('[');
            text.Append('[');
        }

        Assert.Equal(GrammarLimits.MaxDepth + 1, text.Length);
        while (!cursor.IsComplete)
        {
            Assert.True(cursor.Allows(']'));
            cursor.Advance(']');
            text.Append(']');
        }

        Assert.True(SchemaCheck.Satisfies(text.ToString(), schema));
        using var _ = JsonDocument.Parse(text.ToString(), new JsonDocumentOptions { MaxDepth = 128 });
    }
}
