using System.Text;
using Sgl.TestKit;

namespace Sgl.Text.Tests.Support;

/// <summary>Tokenizers over the small vocabularies of the repository and, where they are, the real ones.</summary>
internal static class Vocabularies
{
    /// <summary>The names of the small SentencePiece models.</summary>
    public static readonly string[] SmallSentencePiece = ["sp-dummy", "sp-plain", "sp-unknown"];

    /// <summary>The names of the small tokenizer.json files.</summary>
    public static readonly string[] SmallJson =
        ["gpt2", "qwen2", "llama3", "prefixed", "llama-normalizer", "llama-metaspace", "metaspace-split"];

    public static ITokenizer Small(string name) => name.StartsWith("sp-", StringComparison.Ordinal)
        ? OpenSentencePiece(OracleData.FilePath(name + ".model"))
        : OpenJson(File.ReadAllText(OracleData.FilePath(name + ".tokenizer.json")));

    public static ITokenizer OpenJson(string json, string? config = null)
    {
        using var folder = new TemporaryFolder().With("tokenizer.json", json);
        if (config is not null)
        {
            folder.With("tokenizer_config.json", config);
        }

        return TokenizerLoader.Open(folder.Path);
    }

    /// <summary>A small vocabulary with the special tokens of all chat formats; only <c>&lt;ref&gt;</c> and its kin are not flagged as special.</summary>
    public static ITokenizer SmallChat()
    {
        string[] special =
        [
            "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<|vision_start|>", "<|vision_end|>",
            "<|image_pad|>", "<|video_pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<image>", "<video>", "<ref>", "</ref>", "<box>", "</box>",
        ];
        var json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(OracleData.FilePath("qwen2.tokenizer.json")))!;
        var start = json["model"]!["vocab"]!.AsObject().Count;
        json["added_tokens"] = new System.Text.Json.Nodes.JsonArray([.. special.Select((t, i) => new System.Text.Json.Nodes.JsonObject
        {
            ["id"] = start + i,
            ["content"] = t,
            ["special"] = i < special.Length - 4,
        })]);
        return OpenJson(json.ToJsonString());
    }

    /// <summary>Opens a model the way the SentencePiece library would use it, without a wrapper's rules.</summary>
    public static ITokenizer OpenSentencePiece(
        string path, string config = """{"tokenizer_class": "InternLM2Tokenizer", "add_bos_token": false}""", string? addedTokens = null) =>
        OpenSentencePiece(File.ReadAllBytes(path), config, addedTokens);

    public static ITokenizer OpenSentencePiece(byte[] model, string config, string? addedTokens = null)
    {
        using var folder = new TemporaryFolder().With("tokenizer.model", model).With("tokenizer_config.json", config);
        if (addedTokens is not null)
        {
            folder.With("added_tokens.json", addedTokens);
        }

        return TokenizerLoader.Open(folder.Path);
    }

    /// <summary>The InternLM2 model with the added tokens of InternVL2-2B and 26B.</summary>
    public static ITokenizer InternVl2(string? model = null)
    {
        string[] appended = ["<img>", "</img>", "<IMG_CONTEXT>", "<quad>", "</quad>", "<ref>", "</ref>", "<box>", "</box>"];
        var tokens = new Dictionary<string, int>(StringComparer.Ordinal)
        {
            ["<unk>"] = 0,
            ["<s>"] = 1,
            ["</s>"] = 2,
            ["<|plugin|>"] = 92538,
            ["<|interpreter|>"] = 92539,
            ["<|action_end|>"] = 92540,
            ["<|action_start|>"] = 92541,
            ["<|im_end|>"] = 92542,
            ["<|im_start|>"] = 92543,
        };
        for (var i = 0; i < appended.Length; i++)
        {
            tokens[appended[i]] = 92544 + i;
        }

        return OpenSentencePiece(
            model ?? SharedData.Require("vocab", "internlm2.model"),
            $$"""{"tokenizer_class": "InternLM2Tokenizer", "bos_token": "<s>", "eos_token": "</s>", "added_tokens_decoder": {{Decoder(tokens)}}}""");
    }

    /// <summary>The Llama-2 model with the added tokens of Phi-3 and InternVL2-4B.</summary>
    public static ITokenizer InternVl2Phi3()
    {
        string[] phi3 =
        [
            "<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|placeholder2|>", "<|placeholder3|>", "<|placeholder4|>",
            "<|system|>", "<|end|>", "<|placeholder5|>", "<|placeholder6|>", "<|user|>",
        ];
        string[] appended = ["<img>", "</img>", "<IMG_CONTEXT>", "<quad>", "</quad>", "<ref>", "</ref>", "<box>", "</box>"];
        var decoder = new StringBuilder("{");
        decoder.Append("""
            "0": {"content": "<unk>", "special": true}, "1": {"content": "<s>", "special": true}, "2": {"content": "</s>", "special": false, "rstrip": true}
            """);
        for (var i = 0; i < phi3.Length; i++)
        {
            decoder.Append(FormattableString.Invariant($$""", "{{32000 + i}}": {"content": "{{phi3[i]}}", "special": true, "rstrip": {{(i is 0 ? "false" : "true")}}}"""));
        }

        for (var i = 0; i < appended.Length; i++)
        {
            decoder.Append(FormattableString.Invariant($$""", "{{32011 + i}}": {"content": "{{appended[i]}}", "special": true}"""));
        }

        return OpenSentencePiece(
            SharedData.Require("vocab", "llama2.model"),
            $$"""
            {"tokenizer_class": "LlamaTokenizer", "legacy": false, "add_bos_token": true, "bos_token": "<s>", "eos_token": "<|endoftext|>",
             "unk_token": "<unk>", "additional_special_tokens": [{{string.Join(", ", appended.Select(t => $"\"{t}\""))}}],
             "added_tokens_decoder": {{decoder}}} }
            """);
    }

    /// <summary>A tokenizers.json-free folder of the Qwen2 kind, from a rank file.</summary>
    public static ITokenizer Qwen2(IReadOnlyDictionary<string, int>? added = null)
    {
        var ranks = RankFile.Read(SharedData.Require("vocab", "qwen.tiktoken"));
        added ??= new Dictionary<string, int> { ["<|endoftext|>"] = 151643, ["<|im_start|>"] = 151644, ["<|im_end|>"] = 151645 };
        using var folder = new TemporaryFolder()
            .With("vocab.json", ranks.VocabularyJson())
            .With("merges.txt", ranks.MergesText())
            .With("tokenizer_config.json", $$"""
            {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "bos_token": null, "added_tokens_decoder": {{Decoder(added)}}}
            """);
        return TokenizerLoader.Open(folder.Path);
    }

    /// <summary>A tokenizer.json of the Llama-3 kind, from a rank file, with the added tokens of InternVL2-76B.</summary>
    public static ITokenizer Llama3()
    {
        var ranks = RankFile.Read(SharedData.Require("vocab", "llama3.tiktoken"));
        string[] appended = ["<img>", "</img>", "<IMG_CONTEXT>", "<quad>", "</quad>", "<ref>", "</ref>", "<box>", "</box>"];
        (string, int)[] named = [("<|begin_of_text|>", 128000), ("<|end_of_text|>", 128001), ("<|im_start|>", 128002), ("<|im_end|>", 128003)];
        var tokens = named.Concat(appended.Select((t, i) => (t, 128256 + i)));
        var added = tokens.Select(t => FormattableString.Invariant($$"""{"id": {{t.Item2}}, "content": "{{t.Item1}}", "special": true}"""));
        var merges = ranks.MergesText().Split('\n').Skip(1).Where(line => line.Length > 0).Select(line => System.Text.Json.JsonSerializer.Serialize(line));
        return OpenJson($$$"""
            {"added_tokens": [{{{string.Join(", ", added)}}}], "normalizer": null,
             "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
               {"type": "Split", "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}, "behavior": "Isolated", "invert": false},
               {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]},
             "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
               {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [], "special_tokens": {"<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [128000], "tokens": ["<|begin_of_text|>"]} } }]},
             "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
             "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
              "byte_fallback": false, "ignore_merges": true, "vocab": {{{ranks.VocabularyJson()}}}, "merges": [{{{string.Join(",", merges)}}}]} }
            """);
    }

    /// <summary>An added_tokens_decoder of special tokens.</summary>
    public static string Decoder(IReadOnlyDictionary<string, int> tokens) => "{" + string.Join(", ", tokens.Select(t =>
        FormattableString.Invariant($$""" "{{t.Value}}": {"content": "{{t.Key}}", "special": true, "lstrip": false, "rstrip": false, "single_word": false, "normalized": false} """))) + "}";
}
