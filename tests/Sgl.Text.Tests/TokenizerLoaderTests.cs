using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Sgl.TestKit;
using Sgl.Text.Internal;
using Sgl.Text.Tests.Support;

namespace Sgl.Text.Tests;

public sealed class TokenizerLoaderTests
{
    private const string InternLm2 = """{"tokenizer_class": "InternLM2Tokenizer"}""";

    [Fact]
    public void Open_NoFolder_IsRefused() =>
        Assert.Throws<TokenizerException>(() => TokenizerLoader.Open(Path.Combine(Path.GetTempPath(), "no-such-folder-of-sgl")));

    [Fact]
    public void Open_EmptyFolder_ListsWhatIsExpected()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("tokenizer.model", Assert.Throws<TokenizerException>(() => TokenizerLoader.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("merges.txt", "vocab.json", """{"tokenizer_class": "Qwen2Tokenizer"}""")]
    [InlineData("vocab.json", "merges.txt", """{"tokenizer_class": "Qwen2Tokenizer"}""")]
    public void Open_HalfAVocabulary_NamesTheMissingFile(string missing, string present, string config)
    {
        using var folder = new TemporaryFolder().With(present, "{}").With("tokenizer_config.json", config);
        Assert.EndsWith(missing, Assert.Throws<TokenizerException>(() => TokenizerLoader.Open(folder.Path)).File, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_NoConfiguration_NamesTheMissingFile()
    {
        using var folder = new TemporaryFolder().With("tokenizer.model", File.ReadAllBytes(OracleData.FilePath("sp-plain.model")));
        Assert.EndsWith("tokenizer_config.json", Assert.Throws<TokenizerException>(() => TokenizerLoader.Open(folder.Path)).File, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_UnknownClass_NamesIt()
    {
        using var folder = new TemporaryFolder().With("tokenizer.model", [1]).With("tokenizer_config.json", """{"tokenizer_class": "T5Tokenizer"}""");
        var error = Assert.Throws<TokenizerException>(() => TokenizerLoader.Open(folder.Path));
        Assert.Equal("tokenizer_class", error.Key);
        Assert.Contains("T5Tokenizer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_SeveralKindsOfFiles_TakesWhatTheReferenceReads()
    {
        // All three at once: the class of the configuration decides.
        using var folder = new TemporaryFolder()
            .With("tokenizer.model", File.ReadAllBytes(OracleData.FilePath("sp-plain.model")))
            .With("tokenizer.json", File.ReadAllText(OracleData.FilePath("gpt2.tokenizer.json")))
            .With("vocab.json", "{ not read")
            .With("merges.txt", "not read either")
            .With("tokenizer_config.json", InternLm2);
        Assert.NotNull(TokenizerLoader.Open(folder.Path).TokenToId("<0x0A>"));
        folder.With("tokenizer_config.json", """{"tokenizer_class": "PreTrainedTokenizerFast"}""");
        Assert.Null(TokenizerLoader.Open(folder.Path).TokenToId("<0x0A>"));
    }

    [Theory]
    [InlineData("Qwen2Tokenizer", "qwen2")]
    [InlineData("Qwen2TokenizerFast", "qwen2")]
    [InlineData("GPT2Tokenizer", "gpt2")]
    public void Open_VocabularyAndMerges_IsTheSameAsTokenizerJson(string className, string same)
    {
        var json = JsonNode.Parse(File.ReadAllText(OracleData.FilePath(same + ".tokenizer.json")))!;
        var merges = json["model"]!["merges"]!.AsArray().Select(m => m is JsonArray pair ? $"{pair[0]} {pair[1]}" : m!.GetValue<string>());
        var added = json["added_tokens"]!.AsArray().ToDictionary(t => t!["id"]!.ToString(), t => t!.DeepClone());
        using var folder = new TemporaryFolder()
            .With("vocab.json", json["model"]!["vocab"]!.ToJsonString())
            .With("merges.txt", "#version: 0.2\n" + string.Join("\r\n", merges) + "\n")
            .With("tokenizer_config.json", new JsonObject { ["tokenizer_class"] = className, ["added_tokens_decoder"] = new JsonObject(added.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))) }.ToJsonString());
        var tokenizer = TokenizerLoader.Open(folder.Path);
        var expected = Vocabularies.Small(same);
        foreach (var text in OracleData.Strings.Concat(OracleData.StringsWithTokens))
        {
            Assert.Equal(expected.Encode(text), tokenizer.Encode(text));
        }

        Assert.Equal(expected.VocabularySize, tokenizer.VocabularySize);
        Assert.Null(tokenizer.BosTokenId);
    }

    [Fact]
    public void Open_AddedTokensOverTheModel_ReplaceItsPieces()
    {
        var plain = Vocabularies.OpenSentencePiece(OracleData.FilePath("sp-plain.model"), InternLm2);
        var id = plain.TokenToId("[UNUSED_TOKEN_3]")!.Value;
        var tokenizer = Vocabularies.OpenSentencePiece(
            OracleData.FilePath("sp-plain.model"),
            $$"""{"tokenizer_class": "InternLM2Tokenizer", "added_tokens_decoder": {{Vocabularies.Decoder(new Dictionary<string, int> { ["<|end|>"] = id })}}}""",
            """{"<img>": 440, "</img>": 441}""");
        Assert.Equal("<|end|>", tokenizer.IdToToken(id));
        Assert.True(tokenizer.IsSpecial(id));
        Assert.Equal([1, id, 440], tokenizer.Encode("<|end|><img>"));
        Assert.Equal(442, tokenizer.VocabularySize);

        // Outside literal text the piece is still the model's; inside it never gives the control token.
        Assert.Contains(id, tokenizer.Encode("[UNUSED_TOKEN_3]"));
        Assert.DoesNotContain(id, tokenizer.Encode("[UNUSED_TOKEN_3]", [new(0, 16)]));
        Assert.DoesNotContain(id, tokenizer.Encode("[UNUSED_TOKEN_3]", [new(7, 1)]));
        Assert.Contains(id, plain.Encode("[UNUSED_TOKEN_3]", [new(0, 16)]));
        var control = plain.TokenToId("<|im_start|>")!.Value;
        Assert.Contains(control, plain.Encode("<|im_start|>"));
        Assert.DoesNotContain(control, plain.Encode("<|im_start|>", [new(0, 12)]));
    }

    [Theory]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer", "added_tokens_decoder": {"440": {"content": "<a>"}}}""", """{"<a>": 441}""")]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer", "added_tokens_decoder": {"440": {"content": "<a>"}}}""", """{"<b>": 440}""")]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer", "added_tokens_decoder": {"x": {"content": "<a>"}}}""", null)]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer", "added_tokens_decoder": {"440": {"content": ""}}}""", null)]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer", "added_tokens_decoder": {"440": {"content": "<a>", "special": "yes"}}}""", null)]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer"}""", """{"<a>": 1e12}""")]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer"}""", """{"<a>": -1}""")]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer"}""", """["<a>"]""")]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer", "bos_token": "<none>"}""", null)]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer", "split_special_tokens": true}""", null)]
    [InlineData("""{"tokenizer_class": 3}""", null)]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer" """, null)]
    [InlineData("[]", null)]
    [InlineData("""{"\udc00": 1, "tokenizer_class": "InternLM2Tokenizer"}""", null)]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer", "unused": [{"a\ud83d": 1}]}""", null)]
    [InlineData("""{"tokenizer_class": "InternLM2Tokenizer"}""", """{"\ud83d": 441}""")]
    public void Open_ContradictoryOrDamagedConfiguration_IsRefused(string config, string? added) =>
        Assert.Throws<TokenizerException>(() => Vocabularies.OpenSentencePiece(OracleData.FilePath("sp-plain.model"), config, added));

    [Fact]
    public void Open_EscapedPairInAName_IsRead() => Assert.NotNull(Vocabularies.OpenSentencePiece(
        OracleData.FilePath("sp-plain.model"), """{"tokenizer_class": "InternLM2Tokenizer", "\ud83d\ude00": 1}""", null));

    [Fact]
    public void Open_SettingsAroundTheText_AreHonoured()
    {
        var path = OracleData.FilePath("sp-plain.model");
        var text = Vocabularies.OpenSentencePiece(path).Encode("the box");
        Assert.Equal([1, .. text], Vocabularies.OpenSentencePiece(path, InternLm2).Encode("the box"));
        Assert.Equal(1, Vocabularies.OpenSentencePiece(path, InternLm2).BosTokenId);
        Assert.Equal(text, Vocabularies.OpenSentencePiece(path, InternLm2).Encode("the box", addSpecialTokens: false));
        Assert.Equal([1, .. text, 2], Vocabularies.OpenSentencePiece(path, """{"tokenizer_class": "InternLM2Tokenizer", "add_eos_token": true}""").Encode("the box"));
        Assert.Equal([2, .. text], Vocabularies.OpenSentencePiece(path, """{"tokenizer_class": "InternLM2Tokenizer", "bos_token": {"content": "</s>"}}""").Encode("the box"));
    }

    [Fact]
    public void Encode_LegacyModes_TreatTheSpaceAsTheReferenceDoes()
    {
        var path = OracleData.FilePath("sp-dummy.model");
        const string Tokens = """
            "add_bos_token": false, "additional_special_tokens": ["<a>"],
            "added_tokens_decoder": {"500": {"content": "<a>", "special": true}, "501": {"content": "<b>", "special": true, "rstrip": true}}
            """;
        var legacy = Vocabularies.OpenSentencePiece(path, $$"""{"tokenizer_class": "LlamaTokenizer", {{Tokens}}}""");
        var once = Vocabularies.OpenSentencePiece(path, $$"""{"tokenizer_class": "LlamaTokenizer", "legacy": false, {{Tokens}}}""");
        var never = Vocabularies.OpenSentencePiece(path, $$"""{"tokenizer_class": "LlamaTokenizer", "legacy": false, "add_prefix_space": false, {{Tokens}}}""");
        int[] spaced = [.. legacy.Encode("box")];
        int[] bare = [.. never.Encode("box")];
        var space = legacy.TokenToId("\u2581")!.Value;
        Assert.NotEqual(spaced, bare);
        Assert.Equal([.. spaced, 500, .. spaced], legacy.Encode("box<a>box"));
        Assert.Equal([.. spaced, 500, .. bare], once.Encode("box<a>box"));
        Assert.Equal([.. bare, 500, .. bare], never.Encode("box<a>box"));

        // The space in front is taken back before a token that the configuration names as special, not before another one.
        Assert.Equal([500, .. bare], once.Encode("<a>box"));
        Assert.Equal([space, 501, .. bare], once.Encode("<b>\n box"));
        Assert.Equal([501, .. spaced], legacy.Encode("<b> \nbox"));
        Assert.Equal("box", once.Decode(once.Encode("box")));
        Assert.Equal("box", never.Decode(never.Encode("box")));
        Assert.Equal(" box", never.Decode(never.Encode(" box")));
        Assert.Equal([], once.Encode(""));
    }

    public static TheoryData<string, byte[]> BadModels() => new()
    {
        { "trainer_spec.model_type", Model().Trainer(1, true).ToArray() },
        { "trainer_spec.model_type", Model().Trainer(3, true).ToArray() },
        { "trainer_spec.model_type", new ModelWriter().Piece("<unk>", 0, 2).ToArray() },
        { "trainer_spec.treat_whitespace_as_suffix", Model().Trainer(2, false, suffix: true).ToArray() },
        { "trainer_spec.byte_fallback", Model().Trainer(2, true).ToArray() },
        { "normalizer_spec.name", Model().Trainer(2, false).Normalizer("nmt_nfkc", true, false, [1, 2, 3]).ToArray() },
        { "pieces", new ModelWriter().Trainer(2, false).ToArray() },
        { "pieces", new ModelWriter().Trainer(2, false).Piece("a", 0, 1).ToArray() },
        { "pieces[2].type", Model().Trainer(2, false).Piece("a", 0, 9).ToArray() },
        { "pieces[2].type", Model().Trainer(2, false).Piece("a", 0, 2).ToArray() },
        { "pieces[2].score", Model().Trainer(2, false).Piece("a", float.NaN, 1).ToArray() },
        { "pieces[2].piece", Model().Trainer(2, false).Piece("", 0, 1).ToArray() },
        { "pieces[2].piece", Model().Trainer(2, false).Piece("x", 0, 1).ToArray() },
        { "pieces[2].piece", Model().Trainer(2, false).Piece("<0xZZ>", 0, 6).ToArray() },
    };

    [Theory]
    [MemberData(nameof(BadModels))]
    public void Open_ModelThatIsNotImplemented_NamesTheKey(string key, byte[] model)
    {
        var error = Assert.Throws<TokenizerException>(
            () => Vocabularies.OpenSentencePiece(model, """{"tokenizer_class": "InternLM2Tokenizer", "add_bos_token": false}"""));
        Assert.Equal(key, error.Key);
        Assert.EndsWith("tokenizer.model", error.File, StringComparison.Ordinal);
        Assert.Contains(error.File, error.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string?, byte[]> DamagedModels() => new()
    {
        { null, [.. Model().ToArray(), 0x0A, 0x7F] }, // a piece that ends behind the file
        { null, [.. Model().ToArray(), 0x0A] },
        { null, [.. Model().ToArray(), 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] }, // a number without an end
        { null, [.. Model().ToArray(), .. Enumerable.Repeat((byte)0x3B, 100_000)] }, // groups in groups
        { "pieces[2].piece", Model().Message(1, new ModelWriter().Bytes(1, [0xC3, 0x28])).ToArray() },
        { "pieces[0].piece", [.. Enumerable.Repeat<byte[]>([0x0A, 0x00], 1_000_000).SelectMany(b => b)] },
        { "pieces", [] },
    };

    [Theory]
    [MemberData(nameof(DamagedModels))]
    public void Open_DamagedModel_IsRefused(string? key, byte[] model) => Assert.Equal(key, Assert.Throws<TokenizerException>(
        () => Vocabularies.OpenSentencePiece(model, InternLm2)).Key);

    [Fact]
    public void Open_ModelOfTooManyBytes_IsNotRead()
    {
        using var folder = new TemporaryFolder().With("tokenizer_config.json", InternLm2);
        using (var file = File.Create(folder.Combine("tokenizer.model")))
        {
            file.SetLength(SentencePieceModel.MaxBytes + 1L);
        }

        Assert.Contains("more than", Assert.Throws<TokenizerException>(() => TokenizerLoader.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_RankFileNamedTokenizerModel_IsRefused() => Assert.Throws<TokenizerException>(
        () => Vocabularies.OpenSentencePiece(Encoding.UTF8.GetBytes("IQ== 0\nIg== 1\n"), InternLm2));

    [Theory]
    [InlineData("model.type", "Unigram", "model.type")]
    [InlineData("model.dropout", 0.1, "model.dropout")]
    [InlineData("model.end_of_word_suffix", "</w>", "model.end_of_word_suffix")]
    [InlineData("model.continuing_subword_prefix", "##", "model.continuing_subword_prefix")]
    [InlineData("model.unk_token", "<none>", "model.unk_token")]
    [InlineData("model.vocab", null, "model.vocab")]
    [InlineData("model.merges", null, "model.merges")]
    [InlineData("model.ignore_merges", "x", "model.ignore_merges")]
    [InlineData("normalizer.type", "NFKC", "normalizer.type")]
    [InlineData("pre_tokenizer.type", "BertPreTokenizer", "pre_tokenizer.type")]
    [InlineData("pre_tokenizer.pretokenizers.0.pattern.Regex", "\\w+", "pre_tokenizer.pretokenizers[0].pattern.Regex")]
    [InlineData("pre_tokenizer.pretokenizers.0.behavior", "Removed", "pre_tokenizer.pretokenizers[0].behavior")]
    [InlineData("pre_tokenizer.pretokenizers.0.invert", true, "pre_tokenizer.pretokenizers[0].invert")]
    [InlineData("post_processor.processors.1.type", "BertProcessing", "post_processor.processors[1].type")]
    [InlineData("decoder.type", "WordPiece", "decoder")]
    [InlineData("decoder", null, "decoder")]
    [InlineData("added_tokens.0.id", 1, null)]
    [InlineData("added_tokens.0.id", "x", "added_tokens[0].id")]
    public void Open_TokenizerJsonThatIsNotImplemented_NamesTheKey(string path, object? value, string? key)
    {
        var json = JsonNode.Parse(File.ReadAllText(OracleData.FilePath("llama3.tokenizer.json")))!;
        json["normalizer"] = new JsonObject { ["type"] = "NFC" };
        Vocabularies.OpenJson(json.ToJsonString());
        var parts = path.Split('.');
        var parent = parts[..^1].Aggregate(json, (node, part) => node is JsonArray list ? list[int.Parse(part, System.Globalization.CultureInfo.InvariantCulture)]! : node[part]!);
        if (parent is JsonObject owner)
        {
            owner[parts[^1]] = JsonValue.Create(value);
        }

        if (key is null)
        {
            // An added token may take over an id of the model, so this is allowed.
            Assert.Equal("<|endoftext|>", Vocabularies.OpenJson(json.ToJsonString()).IdToToken(1));
            return;
        }

        Assert.Equal(key, Assert.Throws<TokenizerException>(() => Vocabularies.OpenJson(json.ToJsonString())).Key);
    }

    [Fact]
    public void Open_MergeOfUnknownTokens_NamesTheMerge()
    {
        var json = JsonNode.Parse(File.ReadAllText(OracleData.FilePath("gpt2.tokenizer.json")))!;
        json["model"]!["merges"]!.AsArray()[5] = "zz qq";
        Assert.Equal("merges[5]", Assert.Throws<TokenizerException>(() => Vocabularies.OpenJson(json.ToJsonString())).Key);
        json["model"]!["merges"]!.AsArray()[5] = "only";
        Assert.Equal("model.merges[5]", Assert.Throws<TokenizerException>(() => Vocabularies.OpenJson(json.ToJsonString())).Key);
    }

    [Fact]
    public void Open_LlamaClassOnTokenizerJson_TakesTheTokensFromTheConfiguration()
    {
        var json = File.ReadAllText(OracleData.FilePath("llama-metaspace.tokenizer.json"));
        Assert.Null(Vocabularies.OpenJson(json).BosTokenId);
        Assert.Equal(1, Vocabularies.OpenJson(json, """{"tokenizer_class": "LlamaTokenizerFast"}""").BosTokenId);
        Assert.Null(Vocabularies.OpenJson(json, """{"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": false}""").BosTokenId);
    }

    [Fact]
    public void Encode_TooLongText_IsRefused()
    {
        using var folder = new TemporaryFolder().With("tokenizer.json", File.ReadAllText(OracleData.FilePath("gpt2.tokenizer.json")));
        var tokenizer = TokenizerLoader.Open(folder.Path, new TokenizerOptions { MaxTextLength = 10 });
        Assert.NotEmpty(tokenizer.Encode(new string('x', 10)));
        var error = Assert.Throws<TextTooLongException>(() => tokenizer.Encode(new string('x', 11)));
        Assert.Equal((11, 10), (error.Length, error.Limit));
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, 4)]
    [InlineData(4, 0)]
    [InlineData(1, int.MaxValue)]
    [InlineData(1, -1)]
    public void Encode_RangeOutsideTheText_IsRefused(int start, int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Vocabularies.Small("gpt2").Encode("abc", [new(start, length)]));

    [Theory]
    [InlineData("sp-dummy")]
    [InlineData("gpt2")]
    [InlineData("llama-normalizer")]
    public void Encode_OneVeryLongWord_TakesNearLinearTime(string name)
    {
        var tokenizer = Vocabularies.Small(name);
        tokenizer.Encode(Word(1000));
        var tries = new List<(double Few, double Many)>();
        do
        {
            tries.Add((Measure(16_000), Measure(160_000)));
        }
        while (!IsNearLinear(tries[^1]) && tries.Count < 10);

        // Other work on the machine can make one try slow, a quadratic method makes all of them slow.
        Assert.True(IsNearLinear(tries[^1]), $"ms for 16 000 and for 160 000 characters: {string.Join(", ", tries)}");

        // Ten times the length: a quadratic method takes a hundred times as long.
        static bool IsNearLinear((double Few, double Many) time) => time.Many < (40 * time.Few) + 200;

        double Measure(int length)
        {
            var word = Word(length);
            var watch = System.Diagnostics.Stopwatch.StartNew();
            tokenizer.Encode(word);
            return watch.Elapsed.TotalMilliseconds;
        }

        static string Word(int length) => string.Create(length, 0, static (units, _) =>
        {
            for (var i = 0; i < units.Length; i++)
            {
                units[i] = "theredbox"[(int)((long)i * i % 9)];
            }
        });
    }

    private static long FuzzCount { get; } =
        long.TryParse(Environment.GetEnvironmentVariable("SGL_TEXT_FUZZ"), out var count) ? count : 300;

    [Fact]
    public void Open_MutatedModel_OnlyThrowsTokenizerExceptions()
    {
        var original = File.ReadAllBytes(OracleData.FilePath("sp-plain.model"));
        Mutations(original).Sample(
            data => Survives(() => Vocabularies.OpenSentencePiece(data, InternLm2)),
            iter: FuzzCount);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    [InlineData("llama-normalizer")]
    public void Open_MutatedTokenizerJson_OnlyThrowsTokenizerExceptions(string name)
    {
        var original = File.ReadAllBytes(OracleData.FilePath(name + ".tokenizer.json"));
        Mutations(original).Sample(
            data =>
            {
                using var folder = new TemporaryFolder().With("tokenizer.json", data);
                return Survives(() => TokenizerLoader.Open(folder.Path));
            },
            iter: FuzzCount);
    }

    [Fact]
    public void Open_MutatedFolder_OnlyThrowsTokenizerExceptions()
    {
        var json = JsonNode.Parse(File.ReadAllText(OracleData.FilePath("qwen2.tokenizer.json")))!;
        var vocabulary = Encoding.UTF8.GetBytes(json["model"]!["vocab"]!.ToJsonString());
        var merges = Encoding.UTF8.GetBytes(string.Join('\n', json["model"]!["merges"]!.AsArray().Select(m => $"{m![0]} {m[1]}")));
        var config = Encoding.UTF8.GetBytes($$"""{"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": {{Vocabularies.Decoder(new Dictionary<string, int> { ["<a>"] = 900, ["<b>"] = 901 })}}}""");
        var added = """{"<c>": 902, "<d>": 903}"""u8.ToArray();
        Gen.Select(Mutations(vocabulary), Mutations(merges), Mutations(config), Mutations(added), Gen.Int[0, 3]).Sample(
            (v, m, c, a, which) =>
            {
                using var folder = new TemporaryFolder()
                    .With("vocab.json", which == 0 ? v : vocabulary)
                    .With("merges.txt", which == 1 ? m : merges)
                    .With("tokenizer_config.json", which == 2 ? c : config)
                    .With("added_tokens.json", which == 3 ? a : added);
                return Survives(() => TokenizerLoader.Open(folder.Path));
            },
            iter: FuzzCount);
    }

    private static ModelWriter Model() => new ModelWriter().Piece("<unk>", 0, 2).Piece("x", 0, 1);

    private static Gen<byte[]> Mutations(byte[] original) =>
        Gen.Select(Gen.Int[0, original.Length - 1], Gen.Byte, Gen.Int[0, 3]).Array[1, 4].Select(changes =>
        {
            var data = original.ToList();
            foreach (var (at, value, kind) in changes)
            {
                var i = Math.Min(at, data.Count - 1);
                switch (kind)
                {
                    case 0:
                        data[i] = value;
                        break;
                    case 1:
                        data[i] ^= (byte)(1 << (value & 7));
                        break;
                    case 2:
                        data.Insert(i, value);
                        break;
                    default:
                        data.RemoveRange(i, Math.Min(data.Count - i - 1, value));
                        break;
                }
            }

            return data.ToArray();
        });

    /// <summary>Whether a damaged vocabulary is refused with the right exception, or works without any.</summary>
    private static bool Survives(Func<ITokenizer> open)
    {
        ITokenizer tokenizer;
        try
        {
            tokenizer = open();
        }
        catch (TokenizerException)
        {
            return true;
        }

        foreach (var text in OracleData.Strings.Take(60))
        {
            tokenizer.Decode(tokenizer.Encode(text, [new(0, text.Length / 2)]));
        }

        return true;
    }
}
