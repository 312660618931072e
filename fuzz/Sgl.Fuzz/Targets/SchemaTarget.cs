using System.Text;
using System.Text.Json;
using Sgl.Fuzz.Internal;
using Sgl.Grammar;
using Sgl.Text;

namespace Sgl.Fuzz;

/// <summary>JSON schemas of requests; under what is taken an answer is written, which must be JSON if it ends.</summary>
internal sealed class SchemaTarget : IFuzzTarget
{
    private const int Steps = 60;

    private IReadOnlyList<ReadOnlyMemory<byte>> _tokens = [];
    private TokenTrie _trie = null!;

    public string Name => "schema";

    public CaseBounds Bounds => new(TimeSpan.FromSeconds(10), 1L << 30);

    public IReadOnlyList<string> Dictionary =>
    [
        "\"type\":\"object\"", "\"properties\":{", "\"required\":[", "\"additionalProperties\":", "\"items\":", "\"$ref\":\"#\"", "\"$ref\":\"#/$defs/a\"", "\"anyOf\":[", "\"enum\":[", "\"const\":",
        "\"maxLength\":4096", "\"minItems\":1024", "\"minimum\":-1", "\"maximum\":999999999999999", "\"type\":[\"string\",\"null\"]", "\\ud800", "true", "false", "{}", "[]", "1e400",
    ];

    public Task<IReadOnlyList<Seed>> OpenAsync()
    {
        var tokenizer = TokenizerLoader.Open(Corpus.Folder("models/sgl-demo-small"));
        _tokens = [.. Enumerable.Range(0, tokenizer.VocabularySize).Select(id => tokenizer.IsSpecial(id) ? default : tokenizer.TokenBytes(id))];
        _trie = new TokenTrie(_tokens);
        return Task.FromResult<IReadOnlyList<Seed>>(
        [
            new("object", """{"type":"object","properties":{"code":{"type":"string","maxLength":8},"box":{"type":"array","items":{"type":"integer","minimum":0,"maximum":999},"minItems":4,"maxItems":4}},"required":["code"],"additionalProperties":false}"""u8.ToArray()),
            new("tree", """{"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"left":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]},"value":{"enum":["x",1,null]}}}}}"""u8.ToArray()),
            new("map", """{"type":"object","properties":{"kind":{"const":"m"}},"required":["kind","n"],"additionalProperties":{"type":["number","boolean"]}}"""u8.ToArray()),
            new("any", "{}"u8.ToArray()),
        ]);
    }

    public Task<bool> RunAsync(Seed seed, byte[] bytes)
    {
        JsonGrammar grammar;
        try
        {
            grammar = JsonGrammar.OfSchema(Encoding.UTF8.GetString(bytes));
        }
        catch (GrammarException)
        {
            return Task.FromResult(false);
        }

        var random = new Random(bytes.Length);
        var cursor = new TokenGrammar(grammar, _trie).Begin();
        var scores = new float[_tokens.Count];
        var answer = new List<byte>();
        for (var step = 0; step < Steps && !cursor.IsComplete; step++)
        {
            Array.Clear(scores);
            cursor.Restrict(scores);
            int[] allowed = [.. Enumerable.Range(0, scores.Length).Where(id => scores[id] == 0)];
            if (allowed.Length == 0)
            {
                throw new InvalidOperationException("nothing may come, and the answer has not ended");
            }

            var id = allowed[random.Next(allowed.Length)];
            cursor.Advance(id);
            answer.AddRange(_tokens[id].Span);
        }

        if (cursor.MayEnd)
        {
            using var document = JsonDocument.Parse(answer.ToArray());
        }

        return Task.FromResult(true);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
