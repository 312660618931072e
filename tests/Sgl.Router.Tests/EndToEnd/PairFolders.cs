using System.Text.Json.Nodes;
using Sgl.TestKit;

namespace Sgl.Router.Tests;

/// <summary>Checkpoint folders of several generations, made servable: tiny, with a tokenizer of few tokens.</summary>
internal static class PairFolders
{
    private const int Vocabulary = 512;
    private static readonly string Data = Path.Combine(SharedData.RepositoryRoot, "tests", "Sgl.Verification.Tests", "Data", "goldens", "checkpoints");

    // The golden checkpoints' ids, which their config.json names.
    private static readonly string[] InternVlTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|video|>", "<img>", "</img>", "<IMG_CONTEXT>"];
    private static readonly string[] QwenTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|box_start|>", "<|image_pad|>", "<|video_pad|>"];

    /// <summary>A checkpoint of the repository's golden cases.</summary>
    public static void Golden(string folder, string name, bool qwen = false)
    {
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Data, name)))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        WriteTokenizer(folder, qwen ? QwenTokens : InternVlTokens);
        if (qwen)
        {
            // The cases of the two generations have limits of their own; published checkpoints share them.
            Change(folder, "preprocessor_config.json", c => c["max_pixels"] = 31360);
        }
    }

    /// <summary>InternVL2.5, or InternVL3 with its rotary scaling, in the authors' layout.</summary>
    public static void InternVl(string folder, bool third, int layers, ulong seed)
    {
        CheckpointWriter.Write(folder, new CheckpointShape
        {
            Decoder = DecoderKind.Qwen2,
            Layers = layers,
            Vocabulary = Vocabulary,
            LargeTower = third,
            NtkFactor = third ? 2 : null,
            MaxPositions = 32768,
            RopeTheta = 1e6,
            Seed = seed,
        });
        Change(folder, "config.json", c =>
        {
            c["template"] = "internvl2_5";
            c["llm_config"]!["eos_token_id"] = 501;
        });
        WriteTokenizer(folder, InternVlTokens);
    }

    private static void Change(string folder, string file, Action<JsonNode> change)
    {
        var path = Path.Combine(folder, file);
        var json = JsonNode.Parse(File.ReadAllText(path))!;
        change(json);
        File.WriteAllText(path, json.ToJsonString());
    }

    /// <summary>As newer versions write it: added tokens in <c>tokenizer.json</c> alone. The model has more rows than the tokenizer tokens.</summary>
    private static void WriteTokenizer(string folder, string[] added)
    {
        const int FirstAdded = 499;
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "tests", "Sgl.Text.Tests", "Data", "qwen2.tokenizer.json")))!;
        json["added_tokens"] = new JsonArray([.. added.Select((t, i) => new JsonObject { ["id"] = FirstAdded + i, ["content"] = t, ["special"] = true })]);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"tokenizer_class":"Qwen2Tokenizer"}""");
    }
}
