using System.Text.Json.Nodes;
using Sgl.TestKit;

namespace Sgl.Cli.Tests;

public sealed class VerifyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Verify_Goldens_EveryCasePasses()
    {
        var run = (await SglProcess.RunAsync("verify", Samples.Goldens, "--compact")).Succeeded();

        var cases = Directory.GetFiles(Path.Combine(Samples.Goldens, "cases"), "manifest.json", SearchOption.AllDirectories).Length;
        Assert.True(cases > 0);
        Assert.Equal(cases, run.Lines.Count(l => l.StartsWith("pass  ", StringComparison.Ordinal) && l.Contains("nearest to its tolerance", StringComparison.Ordinal)));
        Assert.Contains($"{cases} of {cases} cases pass", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_OneCase_TableHasTheErrorOfEachQuantity()
    {
        var run = (await SglProcess.RunAsync("verify", OneCase(), "--placement", "cpu*2")).Succeeded();

        foreach (var quantity in new[] { "small.generated_ids", "small.step_logits", "small.A_prefill" })
        {
            var row = Assert.Single(run.Lines, l => l.Trim().StartsWith(quantity + " ", StringComparison.Ordinal));
            Assert.Contains("pass", row, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("--type", "bf16")]
    [InlineData("--type", "float16", "--weights", "int8")]
    public async Task Verify_OtherArithmetic_PassesAndSaysHowManyChoicesAgree(params string[] options)
    {
        var run = (await SglProcess.RunAsync(["verify", OneCase(), "--compact", .. options])).Succeeded();

        Assert.Contains(run.Lines, l => l.StartsWith("pass  all cases: 2 quantities pass", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(2, "'int16' is not float32", "--type", "int16")]
    [InlineData(1, "attention on GPUs computes in 16 bits", "--type", "float32", "--placement", "cuda:0")]
    [InlineData(1, "verified in float32 on CPUs only", "--type", "bf16", "--warm")]
    public async Task Verify_ArithmeticThatCannotBe_IsOneError(int exitCode, string message, params string[] options) =>
        Assert.Contains(message, (await SglProcess.RunAsync(["verify", OneCase(), .. options])).OneError(exitCode), StringComparison.Ordinal);

    [Fact]
    public async Task Verify_OtherIdsExpected_FailsAndNamesTheQuantity()
    {
        var folder = OneCase();
        var path = Directory.GetFiles(folder, "manifest.json", SearchOption.AllDirectories).Single();
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        var ids = manifest["small"]!["generated_ids"]!.AsArray();
        ids[0] = ids[0]!.GetValue<int>() + 1;
        await File.WriteAllTextAsync(path, manifest.ToJsonString());

        var run = await SglProcess.RunAsync("verify", folder, "--compact");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains(run.Lines, l => l.StartsWith("FAIL  ", StringComparison.Ordinal));
        Assert.Contains(run.Lines, l => l.Contains("generated_ids differs, must be identical", StringComparison.Ordinal));
        Assert.Contains("0 of 1 cases pass", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_MissingCheckpoint_FailsAndSaysSo()
    {
        var folder = OneCase();
        Directory.Delete(Path.Combine(folder, "checkpoints"), recursive: true);

        var run = await SglProcess.RunAsync("verify", folder);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("could not run", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_UnknownPlacement_FailsAndSaysSo()
    {
        var run = await SglProcess.RunAsync("verify", OneCase(), "--placement", "abacus");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("abacus", run.Output + run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_FolderWithoutCases_IsOneError() =>
        Assert.Contains("has no folder 'cases'", (await SglProcess.RunAsync("verify", _folder.Path)).OneError(), StringComparison.Ordinal);

    private string OneCase()
    {
        const string pair = "tiny_qwen2_llama";
        var target = _folder.Combine("goldens");
        Samples.Copy(Path.Combine(Samples.Goldens, "checkpoints"), Path.Combine(target, "checkpoints"));
        Samples.Copy(Path.Combine(Samples.Goldens, "cases", pair, "tiles2"), Path.Combine(target, "cases", pair, "tiles2"));
        return target;
    }
}
