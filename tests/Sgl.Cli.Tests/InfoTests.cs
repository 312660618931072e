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

    [Theory]
    [InlineData("small", "sgl-demo-small: internvl_chat, ")]
    [InlineData("large", "sgl-demo-large: internvl_chat, ")]
    [InlineData("sizes", " % of the large one's parameters")]
    [InlineData("guidance", "yes: any image gives both the same visual tokens")]
    [InlineData("drafts", "yes: all token ids mean the same")]
    public async Task Info_DemoPair_SaysThatTheOneCanGuideTheOther(string name, string expected)
    {
        var run = (await SglProcess.RunAsync("info", Samples.Model("sgl-demo-small"), Samples.Model("sgl-demo-large"))).Succeeded();

        Assert.Contains(expected, Assert.Single(run.Lines, l => l.StartsWith(name + " ", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Info_FoldersOfTwoLayouts_SaysWhyNot()
    {
        var run = (await SglProcess.RunAsync("info", Samples.Model("sgl-demo-small"), Path.Combine(Samples.Goldens, "checkpoints", "small-qwen2vl"))).Succeeded();

        Assert.Contains("no: the families cut images in ways of their own", Assert.Single(run.Lines, l => l.StartsWith("guidance ", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("no: the second folder has no tokenizer", Assert.Single(run.Lines, l => l.StartsWith("drafts ", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Info_SameFolderTwice_SaysSo()
    {
        var folder = Samples.Model("sgl-demo-small");
        var run = (await SglProcess.RunAsync("info", folder, folder + Path.DirectorySeparatorChar)).Succeeded();

        Assert.Contains("the same folder twice", Assert.Single(run.Lines, l => l.StartsWith("sizes ", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task Info_FoldersThatCannotBeUsed_AllAreNamed(bool firstIsGood, bool secondIsGood)
    {
        var (first, second) = (firstIsGood ? Samples.Model("sgl-demo-small") : "nowhere", secondIsGood ? Samples.Model("sgl-demo-large") : "elsewhere");
        var run = await SglProcess.RunAsync("info", first, second);

        Assert.Equal(1, run.ExitCode);
        Assert.Equal(!firstIsGood, run.Error.Contains("checkpoint 'nowhere' cannot be used: .: expected a folder, found nothing", StringComparison.Ordinal));
        Assert.Equal(!secondIsGood, run.Error.Contains("checkpoint 'elsewhere' cannot be used: .: expected a folder, found nothing", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Info_NoFolder_ListsWhatOpens()
    {
        var run = (await SglProcess.RunAsync("info")).Succeeded();

        foreach (var type in new[] { "internvl_chat", "internvl", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "llava_onevision, llava_qwen" })
        {
            Assert.Single(run.Lines, l => l.StartsWith(type + " ", StringComparison.Ordinal));
        }
    }
}
