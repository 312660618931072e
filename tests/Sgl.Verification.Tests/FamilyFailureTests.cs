using System.Text.Json.Nodes;
using Sgl.TestKit;

namespace Sgl.Verification.Tests;

/// <summary>What only the sets of Qwen2-VL and LLaVA-OneVision hold: one wrong number is found and named.</summary>
public sealed class FamilyFailureTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("qwen2vl/tiny_upscaled", "grid_thw", "layout.grid_thw")]
    [InlineData("qwen2vl/tiny_upscaled", "small/seq_len", "prompt_length")]
    [InlineData("qwen2vl/tiny_upscaled", "small/n_generated", "small.n_generated")]
    [InlineData("llavaov/small_upscaled", "layout/tiles", "layout.tiles")]
    [InlineData("llavaov/small_upscaled", "layout/tokens_per_side", "layout.tokens_per_side")]
    [InlineData("llavaov/small_upscaled", "layout/grid_tiles", "layout.grid_tiles")]
    [InlineData("llavaov/small_upscaled", "layout/unpadded", "layout.unpadded")]
    [InlineData("llavaov/small_upscaled", "layout/unpad_offset", "layout.unpad_offset")]
    [InlineData("llavaov/small_upscaled", "layout/final_rows", "layout.final_rows")]
    [InlineData("llavaov/small_upscaled", "layout/final_cols", "layout.final_cols")]
    [InlineData("llavaov/small_upscaled", "layout/base_tokens", "layout.base_tokens")]
    public async Task RunAsync_OneManifestNumberChanged_NamesTheQuantity(string name, string path, string quantity)
    {
        Take(GoldenTests.Committed, name, "small");
        var manifest = _folder.Combine("cases", name, "manifest.json");
        var root = JsonNode.Parse(File.ReadAllText(manifest))!;
        var keys = path.Split('/');
        var owner = keys[..^1].Aggregate(root, (node, key) => node[key]!);
        if (owner[keys[^1]] is JsonArray list)
        {
            list[^1] = list[^1]!.GetValue<int>() + 1;
        }
        else
        {
            owner[keys[^1]] = owner[keys[^1]]!.GetValue<int>() + 1;
        }

        File.WriteAllText(manifest, root.ToJsonString());
        await FailsAsync(quantity);
    }

    [SkippableTheory]
    [InlineData("small", "position_ids", 1, "small.position_ids")]
    [InlineData("small", "rope_delta", 1, "small.rope_delta")]
    [InlineData("small", "prefill_logits_last", 2e-2, "small.prefill_logits")]
    [InlineData("small", "step_logprob_raw", 2e-2, "small.step_logprob_raw")]
    [InlineData("small", "confidence_step_prob", 2e-2, "small.confidence_step_prob")]
    [InlineData("small", "A_decode_steps", 2e-2, "small.A_decode_steps")]
    [InlineData("small", "generated_ids", 1, "small.generated_ids")]
    [InlineData("large", "position_ids", 1, "large.position_ids")]
    [InlineData("large", "sgp_K2_r0.2.generated_ids", 1, "large.generated_ids")]
    public async Task RunAsync_OneGoldenNumberChanged_NamesTheQuantity(string file, string tensor, double change, string quantity)
    {
        Take(SharedData.Require("goldens-families"), "qwen2vl/tiny_upscaled", "small", "large");
        VerifierFailureTests.Change(_folder.Combine("cases/qwen2vl/tiny_upscaled", file + ".safetensors"), tensor, change);
        await FailsAsync(quantity);
    }

    [SkippableFact]
    public async Task RunAsync_OneNewlineElsewhere_NamesTheQuantity()
    {
        Take(SharedData.Require("goldens-families"), "llavaov/small_upscaled", "small", "large");
        VerifierFailureTests.Change(_folder.Combine("cases/llavaov/small_upscaled/small.safetensors"), "newline_index", 1);
        await FailsAsync("layout.newline_index");
    }

    public void Dispose() => _folder.Dispose();

    private void Take(string set, string name, params string[] models)
    {
        VerifierFailureTests.Copy(Path.Combine(set, "cases", name), _folder.Combine("cases", name));
        foreach (var model in models)
        {
            var checkpoint = $"checkpoints/{model}-{name.Split('/')[0]}";
            VerifierFailureTests.Copy(Path.Combine(set, checkpoint), _folder.Combine(checkpoint));
        }
    }

    private async Task FailsAsync(string quantity)
    {
        var report = Assert.Single(await GoldenTests.ReportsAsync(_folder.Path, "cpu"));
        Assert.Null(report.Failure);
        Assert.Contains(report.Checks, c => c.Quantity == quantity && !c.Passed);
    }
}
