using System.Globalization;
using Sgl.TestKit;
using Sgl.Text.Tests.Support;

namespace Sgl.Text.Tests;

/// <summary>The test strings of llama.cpp on its Phi-3 vocabulary.</summary>
public sealed class Phi3VocabularyTests
{
    [SkippableFact]
    public void Encode_LlamaCppStrings_GivesLlamaCppIds()
    {
        var tokenizer = Open(out _);
        var texts = File.ReadAllText(SharedData.Require("vocab", "phi3.inp")).Split("\n__ggml_vocab_test__\n");
        var lines = File.ReadAllLines(SharedData.Require("vocab", "phi3.out"));
        var compared = 0;
        foreach (var (text, line) in texts.Zip(lines))
        {
            var expected = line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture));
            Assert.Equal(expected, tokenizer.Encode(text, addSpecialTokens: false));
            compared++;
        }

        Assert.True(compared > 40, $"only {compared} strings");
    }

    [SkippableFact]
    public void Open_PiecesOfGguf_AreThoseOfTheLlama2Model()
    {
        var tokenizer = Open(out var values);
        var llama2 = Vocabularies.OpenSentencePiece(SharedData.Require("vocab", "llama2.model"));
        Assert.Equal(32064, ((object[])values["tokenizer.ggml.tokens"]).Length);
        for (var id = 0; id < 32000; id++)
        {
            Assert.Equal(llama2.IdToToken(id), tokenizer.IdToToken(id));
        }
    }

    private static ITokenizer Open(out Dictionary<string, object> values)
    {
        values = Gguf.Read(SharedData.Require("vocab", "phi3.gguf"));
        var tokens = (object[])values["tokenizer.ggml.tokens"];
        var scores = (object[])values["tokenizer.ggml.scores"];
        var kinds = (object[])values["tokenizer.ggml.token_type"];
        var model = new ModelWriter().Trainer(modelType: 2, byteFallback: true).Normalizer("identity", dummyPrefix: true, removeSpaces: false);
        for (var id = 0; id < 32000; id++)
        {
            model.Piece((string)tokens[id], (float)scores[id], id == 0 ? 2 : (int)kinds[id]); // the file calls <unk> a control token
        }

        return Vocabularies.OpenSentencePiece(model.ToArray(), """{"tokenizer_class": "LlamaTokenizer", "legacy": false}""");
    }
}
