using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sgl.TestKit;

namespace Sgl.Verification.Tests;

/// <summary>A verifier that cannot fail proves nothing: one wrong number anywhere must be found, and the other cases still be run.</summary>
public sealed class VerifierFailureTests : IDisposable
{
    private const string Case = "tiny_qwen2_llama/tiles2";

    private readonly TemporaryFolder _folder = new();

    public VerifierFailureTests()
    {
        foreach (var part in new[] { "checkpoints/tiny-qwen2", "checkpoints/tiny-llama", "cases/tiny_qwen2_llama" })
        {
            Copy(Path.Combine(GoldenTests.Committed, part), _folder.Combine(part));
        }
    }

    [Theory]
    [InlineData("small", "vision_last_hidden", 3e-4, "small.vision_last_hidden")]
    [InlineData("small", "vision_features", 3e-4, "small.vision_features")]
    [InlineData("small", "inputs_embeds", 3e-4, "small.inputs_embeds")]
    [InlineData("small", "step_logits", 2e-3, "small.step_logits")]
    [InlineData("small", "step_logprob", 2e-3, "small.step_logprob")]
    [InlineData("small", "A", 2e-3, "small.A")]
    [InlineData("small", "A_prefill", 2e-3, "small.A_prefill")]
    [InlineData("small", "A_decode", 2e-3, "small.A_decode")]
    [InlineData("small", "consistency_step_prob_r0.5", 2e-2, "small.consistency_step_prob")]
    [InlineData("small", "consistency_step_logits_r0.5", 2e-3, "small.consistency_step_logits")]
    [InlineData("small", "kept_r0.5", 1, "small.kept")]
    [InlineData("small", "consistency_position_ids_r0.1", 1, "small.consistency_position_ids")]
    [InlineData("large", "vision_features", 3e-4, "large.vision_features")]
    [InlineData("large", "oracle_A", 2e-3, "large.oracle_A")]
    [InlineData("large", "full.step_logits", 2e-3, "large.step_logits")]
    [InlineData("large", "sgp_K4_r0.3.step_logits", 2e-3, "large.step_logits")]
    [InlineData("large", "oracle_K1_r0.2.kept", 1, "large.kept")]
    [InlineData("large", "sgp_K4_r0.3.kept_position_ids", 1, "large.kept_position_ids")]
    public async Task RunAsync_OneGoldenNumberChanged_NamesTheQuantity(string file, string tensor, double change, string quantity)
    {
        Change(Path.Combine(CaseFolder, file + ".safetensors"), tensor, change);
        await FailsAsync(quantity);
    }

    [Theory]
    [InlineData("tiny-qwen2", "vision_model.encoder.layers.1.mlp.fc1.weight", "small.vision_features")]
    [InlineData("tiny-qwen2", "language_model.model.layers.1.mlp.up_proj.weight", "small.step_logits")]
    [InlineData("tiny-llama", "language_model.model.layers.4.self_attn.v_proj.weight", "large.step_logits")]
    public async Task RunAsync_OneWeightChanged_NamesTheQuantity(string checkpoint, string tensor, string quantity)
    {
        Change(_folder.Combine("checkpoints", checkpoint, "model.safetensors"), tensor, 5);
        await FailsAsync(quantity, both: true);
    }

    [Theory]
    [InlineData("small/generated_ids", "small.generated_ids")]
    [InlineData("small/kv_lengths_after_last_decode", "small.kv_lengths")]
    [InlineData("large/runs/full/generated_ids", "large.generated_ids")]
    [InlineData("large/runs/sgp_K4_r0.3/kv_lengths_after_prefill", "large.kv_after_prefill")]
    [InlineData("large/runs/sgp_K4_r0.3/kv_lengths_after_last_decode", "large.kv_final")]
    [InlineData("large/runs/oracle_K1_r0.2/decode_position_ids", "large.decode_position_ids")]
    public async Task RunAsync_OneManifestNumberChanged_NamesTheQuantity(string path, string quantity)
    {
        ChangeManifest(root =>
        {
            var array = path.Split('/').Aggregate(root, (node, key) => node[key]!).AsArray();
            array[^1] = array[^1]!.GetValue<int>() + 1;
        });
        await FailsAsync(quantity);
    }

    [Theory]
    [InlineData("confidence", "small.confidence")]
    [InlineData("decision_eq9", "small.decision")]
    public async Task RunAsync_OneScoreChanged_NamesTheQuantity(string key, string quantity)
    {
        ChangeManifest(root => root["small"]![key] = root["small"]![key]!.GetValue<double>() * 1.002);
        await FailsAsync(quantity);
    }

    [Fact]
    public async Task RunAsync_MissingGoldenTensor_SaysWhichAndGoesOn()
    {
        Rename(Path.Combine(CaseFolder, "small.safetensors"), "A_prefill", "A_prefilX");
        var report = await OnlyCaseFailsAsync();
        Assert.Contains("A_prefill", report.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_MissingFile_SaysWhichAndGoesOn()
    {
        File.Delete(Path.Combine(CaseFolder, "large.safetensors"));
        var report = await OnlyCaseFailsAsync();
        Assert.Contains("large.safetensors", report.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_WrongElementType_SaysWhichAndGoesOn()
    {
        Rename(Path.Combine(CaseFolder, "small.safetensors"), "\"dtype\":\"F32\"", "\"dtype\":\"U32\"");
        var report = await OnlyCaseFailsAsync();
        Assert.NotNull(report.Failure);
    }

    [Fact]
    public async Task RunAsync_VisualPositionsBeyondThePrompt_SaysSoAndGoesOn()
    {
        ChangeManifest(root => root["small"]!["v_end"] = 4000);
        var report = await OnlyCaseFailsAsync();
        Assert.NotNull(report.Failure);
    }

    [Fact]
    public async Task RunAsync_ImpossiblePruneLayer_SaysWhich()
    {
        ChangeManifest(root => root["large"]!["runs"]!["sgp_K4_r0.3"]!["K"] = -1);
        var report = await OnlyCaseFailsAsync(both: true);
        Assert.Contains("-1", report.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_MissingWeight_SaysWhich()
    {
        Rename(_folder.Combine("checkpoints/tiny-llama/model.safetensors"), "language_model.model.norm.weight", "language_model.model.norX.weight");
        var reports = await GoldenTests.ReportsAsync(_folder.Path, "cpu");
        Assert.All(reports, r => Assert.Contains("language_model.model.norm.weight", r.Failure, StringComparison.Ordinal));
    }

    [Fact]
    public async Task RunAsync_PlacementThatDoesNotFit_SaysWhichLayers()
    {
        var reports = await GoldenTests.ReportsAsync(_folder.Path, "0-1:cpu,2-9:cpu:1");
        Assert.All(reports, r => Assert.Contains("layers 0 to 2", r.Failure, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{ \"pair\": ")]
    [InlineData("{ }")]
    [InlineData("[]")]
    [InlineData("{ \"pair\": \"a\", \"case\": \"b\", \"small_checkpoint\": \"c\", \"visual_tokens\": \"many\" }")]
    public void Open_BrokenManifest_NamesTheFile(string text)
    {
        var path = Path.Combine(CaseFolder, "manifest.json");
        File.WriteAllText(path, text);
        var error = Assert.Throws<GoldenDataException>(() => GoldenVerifier.Open(_folder.Path));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_PromptsLongerThanTheCheckpointsWereTrainedFor_AreComparedAllTheSame()
    {
        foreach (var checkpoint in new[] { "tiny-qwen2", "tiny-llama" })
        {
            var path = _folder.Combine("checkpoints", checkpoint, "config.json");
            var config = JsonNode.Parse(File.ReadAllText(path))!;
            config["llm_config"]!["max_position_embeddings"] = 8;
            File.WriteAllText(path, config.ToJsonString());
        }

        Assert.All(await GoldenTests.ReportsAsync(_folder.Path, "cpu"), r => Assert.True(r.Passed, r.Failure));
    }

    [Fact]
    public void Open_FolderWithoutCases_SaysSo()
    {
        using var empty = new TemporaryFolder();
        Assert.Throws<GoldenDataException>(() => GoldenVerifier.Open(empty.Path));
        Directory.CreateDirectory(empty.Combine("cases"));
        Assert.Throws<GoldenDataException>(() => GoldenVerifier.Open(empty.Path));
    }

    public void Dispose() => _folder.Dispose();

    private string CaseFolder => _folder.Combine("cases", Case);

    private async Task FailsAsync(string quantity, bool both = false)
    {
        var report = await OnlyCaseFailsAsync(both);
        Assert.Null(report.Failure);
        Assert.Contains(report.Checks, c => c.Quantity == quantity && !c.Passed);
    }

    private async Task<CaseReport> OnlyCaseFailsAsync(bool both = false)
    {
        var reports = await GoldenTests.ReportsAsync(_folder.Path, "cpu");
        Assert.Equal(2, reports.Count);
        Assert.All(reports, r => Assert.Equal(!both && r.Name != Case, r.Passed));
        return reports.Single(r => r.Name == Case);
    }

    private void ChangeManifest(Action<JsonNode> change)
    {
        var path = Path.Combine(CaseFolder, "manifest.json");
        var root = JsonNode.Parse(File.ReadAllText(path))!;
        change(root);
        File.WriteAllText(path, root.ToJsonString());
    }

    /// <summary>Adds to the middle element of a tensor, in place.</summary>
    internal static void Change(string path, string tensor, double change)
    {
        var file = File.ReadAllBytes(path);
        var headerBytes = (int)BitConverter.ToUInt64(file);
        using var header = JsonDocument.Parse(file.AsMemory(8, headerBytes));
        var entry = header.RootElement.GetProperty(tensor);
        var (begin, end) = (entry.GetProperty("data_offsets")[0].GetInt32(), entry.GetProperty("data_offsets")[1].GetInt32());
        var data = file.AsSpan(8 + headerBytes + begin, end - begin);
        if (entry.GetProperty("dtype").GetString() == "F32")
        {
            var values = MemoryMarshal.Cast<byte, float>(data);
            values[values.Length / 2] += (float)change;
        }
        else
        {
            var values = MemoryMarshal.Cast<byte, long>(data);
            values[values.Length / 2] += (long)change;
        }

        File.WriteAllBytes(path, file);
    }

    /// <summary>Replaces text of the same length in a safetensors header.</summary>
    private static void Rename(string path, string from, string to)
    {
        var file = File.ReadAllBytes(path);
        var at = file.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(from));
        Assert.True(at > 0 && from.Length == to.Length);
        System.Text.Encoding.ASCII.GetBytes(to).CopyTo(file, at);
        File.WriteAllBytes(path, file);
    }

    internal static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
