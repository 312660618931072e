using Sgl.Inference;
using Sgl.Models;
using Sgl.TestKit;

namespace Sgl.Verification.Tests;

/// <summary>Golden cases in other arithmetics than float32, imitated on the CPU: what rounding does passes, what is wrong does not.</summary>
public sealed class ArithmeticTests : IDisposable
{
    private const string Case = "tiny_qwen2_llama/tiles2";

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<ComputeType, WeightPrecision> Arithmetics => new()
    {
        { ComputeType.BFloat16, WeightPrecision.Float32 },
        { ComputeType.Float16, WeightPrecision.Float32 },
        { ComputeType.Float32, WeightPrecision.Int8 },
        { ComputeType.Float32, WeightPrecision.Int4 },
        { ComputeType.BFloat16, WeightPrecision.Int8 },
        { ComputeType.Float16, WeightPrecision.Int4 },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Arithmetics))]
    public Task RunAsync_CommittedCasesRounded_AllPass(ComputeType type, WeightPrecision weights) => AllPassAsync(GoldenTests.Committed, type, weights);

    [SkippableTheory]
    [InlineData("goldens", ComputeType.BFloat16)]
    [InlineData("goldens", ComputeType.Float16)]
    [InlineData("goldens-families", ComputeType.BFloat16)]
    [InlineData("goldens-families", ComputeType.Float16)]
    [InlineData("goldens-families-2", ComputeType.BFloat16)]
    [InlineData("goldens-families-2", ComputeType.Float16)]
    public Task RunAsync_SharedCasesRounded_AllPass(string set, ComputeType type) => AllPassAsync(SharedData.Require(set), type, WeightPrecision.Float32);

    [Theory]
    [InlineData(ComputeType.BFloat16, 1e-3)]
    [InlineData(ComputeType.Float16, 1e-4)]
    public async Task RunAsync_Rounded_IsAsFarFromFloat32AsTheTypeIsCoarse(ComputeType type, double least)
    {
        var reports = await GoldenTests.ReportsAsync(GoldenTests.Committed, new VerificationOptions { Type = type });
        // A good part of what one rounding does at least, or nothing was rounded.
        var logits = reports.SelectMany(r => r.Checks).Where(c => c.Quantity == "small.step_logits").ToList();
        Assert.NotEmpty(logits);
        Assert.All(logits, c => Assert.InRange(c.Error, least, c.Tolerance));
    }

    [Theory]
    [InlineData(ComputeType.BFloat16, WeightPrecision.Float32, "small", "vision_features", "small.vision_features")]
    [InlineData(ComputeType.BFloat16, WeightPrecision.Float32, "small", "step_logits", "small.step_logits")]
    [InlineData(ComputeType.BFloat16, WeightPrecision.Float32, "small", "A_prefill", "small.A_prefill")]
    [InlineData(ComputeType.BFloat16, WeightPrecision.Float32, "large", "full.step_logits", "large.step_logits")]
    [InlineData(ComputeType.BFloat16, WeightPrecision.Float32, "large", "sgp_K4_r0.3.step_logits", "large.step_logits")]
    [InlineData(ComputeType.Float16, WeightPrecision.Float32, "small", "vision_last_hidden", "small.vision_last_hidden")]
    [InlineData(ComputeType.Float16, WeightPrecision.Float32, "small", "A", "small.A")]
    [InlineData(ComputeType.Float16, WeightPrecision.Float32, "large", "oracle_A", "large.oracle_A")]
    [InlineData(ComputeType.Float32, WeightPrecision.Int8, "small", "step_logits", "small.step_logits")]
    [InlineData(ComputeType.Float32, WeightPrecision.Int4, "small", "vision_features", "small.vision_features")]
    public async Task RunAsync_OneGoldenNumberFarOff_NamesTheQuantity(ComputeType type, WeightPrecision weights, string file, string tensor, string quantity)
    {
        CopyPair();
        var path = Path.Combine(_folder.Combine("cases", Case), file + ".safetensors");
        // As much as all others of the tensor together: single values may be off by a few times their average error.
        VerifierFailureTests.Change(path, tensor, 1 + Length(path, tensor));
        await FailsAsync(type, weights, quantity);
    }

    [Theory]
    [InlineData(ComputeType.BFloat16, "tiny-qwen2", "vision_model.encoder.layers.1.mlp.fc1.weight", "small.vision_features")]
    [InlineData(ComputeType.BFloat16, "tiny-qwen2", "language_model.model.layers.1.mlp.up_proj.weight", "small.step_logits")]
    [InlineData(ComputeType.Float16, "tiny-llama", "language_model.model.layers.4.self_attn.v_proj.weight", "large.step_logits")]
    public async Task RunAsync_OneWeightChanged_NamesTheQuantity(ComputeType type, string checkpoint, string tensor, string quantity)
    {
        CopyPair();
        VerifierFailureTests.Change(_folder.Combine("checkpoints", checkpoint, "model.safetensors"), tensor, 5);
        await FailsAsync(type, WeightPrecision.Float32, quantity);
    }

    [Fact]
    public async Task RunAsync_OtherPositionsExpected_FailInAnyArithmetic()
    {
        CopyPair();
        VerifierFailureTests.Change(Path.Combine(_folder.Combine("cases", Case), "large.safetensors"), "sgp_K4_r0.3.kept_position_ids", 1);
        await FailsAsync(ComputeType.BFloat16, WeightPrecision.Float32, "large.kept_position_ids");
    }

    [Theory]
    [InlineData("cuda:0", ComputeType.Float32, WeightPrecision.Float32, false, "attention on GPUs computes in 16 bits")]
    [InlineData("cuda:0", null, WeightPrecision.Float32, true, "kept beginnings")]
    [InlineData("cpu", ComputeType.BFloat16, WeightPrecision.Float32, true, "kept beginnings")]
    [InlineData("cpu", null, WeightPrecision.Int8, true, "kept beginnings")]
    [InlineData("cpu", null, WeightPrecision.Auto, false, "must be said")]
    public async Task RunAsync_OptionsThatDoNotFit_AreRefused(string placement, ComputeType? type, WeightPrecision weights, bool warm, string message)
    {
        var error = await Assert.ThrowsAsync<EngineSettingsException>(
            () => GoldenTests.ReportsAsync(GoldenTests.Committed, new VerificationOptions { Placement = placement, Type = type, Weights = weights, Warm = warm }));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private static async Task AllPassAsync(string folder, ComputeType type, WeightPrecision weights)
    {
        var reports = await GoldenTests.ReportsAsync(folder, new VerificationOptions { Type = type, Weights = weights });
        var wrong = reports.Where(r => !r.Passed)
            .Select(r => $"{r.Name}: {r.Failure}{string.Join("; ", r.Checks.Where(c => !c.Passed).Select(c => $"{c.Quantity} {c.Error} > {c.Tolerance} {c.Detail}"))}");
        Assert.Empty(wrong);
        Assert.Equal(["argmax_agreement", "kept_overlap"], reports[^1].Checks.Select(c => c.Quantity));
        // Where an answer leaves the golden one, less can be compared, but never only what is not computed.
        Assert.All(reports.SkipLast(1).Where(r => !r.Name.StartsWith("images/", StringComparison.Ordinal)), r => Assert.Contains(r.Checks, c => c.Quantity == "small.A_prefill"));
    }

    private static double Length(string path, string tensor)
    {
        using var store = TensorStore.OpenFile(path);
        return Math.Sqrt(store.ReadFloat32(tensor).Sum(v => (double)v * v));
    }

    private void CopyPair()
    {
        foreach (var part in new[] { "checkpoints/tiny-qwen2", "checkpoints/tiny-llama", "cases/tiny_qwen2_llama" })
        {
            VerifierFailureTests.Copy(Path.Combine(GoldenTests.Committed, part), _folder.Combine(part));
        }
    }

    private async Task FailsAsync(ComputeType type, WeightPrecision weights, string quantity)
    {
        var reports = await GoldenTests.ReportsAsync(_folder.Path, new VerificationOptions { Type = type, Weights = weights });
        var report = reports.Single(r => r.Name == Case);
        Assert.Null(report.Failure);
        Assert.Contains(report.Checks, c => c.Quantity == quantity && !c.Passed);
    }
}
