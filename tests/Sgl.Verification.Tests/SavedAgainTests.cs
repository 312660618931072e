using System.Text;
using System.Text.Json.Nodes;
using Sgl.TestKit;

namespace Sgl.Verification.Tests;

/// <summary>LLaVA-OneVision as version 5 of the transformers library saves it: other names and keys, the same numbers.</summary>
public sealed class SavedAgainTests
{
    [Theory]
    [InlineData("vision_tower.vision_model.", "model.vision_tower.vision_model.")]
    [InlineData("vision_tower.vision_model.", "model.vision_tower.")]
    public async Task RunAsync_LlavaOneVisionSavedAgain_GivesTheGoldenValues(string tower, string savedTower)
    {
        using var folder = new TemporaryFolder();
        Copy(Path.Combine("cases", "llavaov", "small_upscaled"), folder);
        var saved = Copy(Path.Combine("checkpoints", "small-llavaov"), folder);
        Rename(
            Path.Combine(saved, "model.safetensors"),
            name => name.StartsWith(tower, StringComparison.Ordinal) ? savedTower + name[tower.Length..] : "model." + name.Replace("language_model.model.", "language_model.", StringComparison.Ordinal));
        SaveKeysAgain(saved);

        var report = Assert.Single(await GoldenTests.ReportsAsync(folder.Path, "cpu*3"));

        Assert.True(report.Passed, report.Failure);
        Assert.True(report.Checks.Count >= 12);
    }

    private static string Copy(string part, TemporaryFolder folder)
    {
        var target = Directory.CreateDirectory(folder.Combine(part)).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(GoldenTests.Committed, part)))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        }

        return target;
    }

    private static void Rename(string path, Func<string, string> rename)
    {
        var file = File.ReadAllBytes(path);
        var length = (int)BitConverter.ToUInt64(file);
        var header = JsonNode.Parse(file.AsSpan(8, length))!.AsObject();
        var renamed = new JsonObject(header.Where(e => e.Key != "__metadata__").Select(e => KeyValuePair.Create(rename(e.Key), e.Value?.DeepClone())));
        Assert.Contains("model.language_model.embed_tokens.weight", renamed.Select(e => e.Key));
        var json = Encoding.UTF8.GetBytes(renamed.ToJsonString());
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((ulong)json.Length), .. json, .. file.AsSpan(8 + length)]);
    }

    private static void SaveKeysAgain(string folder)
    {
        var path = Path.Combine(folder, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        var text = config["text_config"]!.AsObject();
        text["rope_parameters"] = new JsonObject { ["rope_theta"] = text["rope_theta"]!.DeepClone(), ["rope_type"] = "default" };
        config["tie_word_embeddings"] = text["tie_word_embeddings"]!.DeepClone();
        config["image_token_id"] = config["image_token_index"]!.DeepClone();
        config["dtype"] = "float32";
        new[] { "rope_theta", "tie_word_embeddings", "torch_dtype" }.ToList().ForEach(k => text.Remove(k));
        new[] { "image_token_index", "torch_dtype" }.ToList().ForEach(k => config.Remove(k));
        File.WriteAllText(path, config.ToJsonString());

        var processor = Path.Combine(folder, "preprocessor_config.json");
        File.WriteAllText(Path.Combine(folder, "processor_config.json"), new JsonObject { ["image_processor"] = JsonNode.Parse(File.ReadAllText(processor)) }.ToJsonString());
        File.Delete(processor);
    }
}
