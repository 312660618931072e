namespace Sgl.Cli.Tests;

public class InfoTests
{
    [Theory]
    [InlineData("family", "internvl_chat")]
    [InlineData("decoder", "8 layers, hidden 160, 8 heads of 20")]
    [InlineData("images", "1 to 12 tiles of 112 px and a thumbnail, 16 visual tokens each")]
    [InlineData("prune layers", "0, 1, 2, 3")]
    [InlineData("stored as", "bfloat16")]
    [InlineData("prompt", "internlm2-chat")]
    [InlineData("stops at", "<|im_end|>")]
    public async Task Info_DemoModel_SaysWhatItIs(string name, string expected)
    {
        var run = (await SglProcess.RunAsync("info", Samples.Model("sgl-demo-large"))).Succeeded();

        Assert.Contains(expected, Assert.Single(run.Lines, l => l.StartsWith(name + " ", StringComparison.Ordinal)), StringComparison.Ordinal);
    }
}
