using Sgl.TestKit;

namespace Sgl.Cli.Tests;

public sealed class ErrorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("ask", "q", "--small", "nowhere")]
    [InlineData("ask", "q", "--large", "nowhere")]
    [InlineData("show", "q", "--image", "IMAGE", "--small", "nowhere")]
    [InlineData("demo", "--small", "nowhere")]
    [InlineData("serve", "--large", "nowhere")]
    [InlineData("verify", "nowhere")]
    [InlineData("info", "nowhere")]
    public async Task Run_MissingFolder_IsOneError(params string[] arguments)
    {
        var run = await SglProcess.RunInAsync(_folder.Path, [.. arguments.Select(a => a == "IMAGE" ? Samples.Image("shapes.jpg") : a)]);

        Assert.Contains("nowhere", run.OneError(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("info", "FILE")]
    [InlineData("verify", "FILE")]
    [InlineData("ask", "q", "--small", "FILE")]
    [InlineData("serve", "--large", "FILE")]
    [InlineData("ask", "q", "--image", "FOLDER")]
    [InlineData("show", "q", "--image", "FOLDER")]
    [InlineData("demo", "--questions", "FOLDER")]
    [InlineData("serve", "--port", "0", "--policy", "FOLDER")]
    [InlineData("calibrate", "--from", "FOLDER")]
    [InlineData("calibrate", "--data", "FOLDER")]
    public async Task Run_FileForAFolderOrTheOtherWayRound_IsOneErrorThatNamesIt(params string[] arguments)
    {
        var file = _folder.Combine("taken.txt");
        await File.WriteAllTextAsync(file, "text");
        var folder = Directory.CreateDirectory(_folder.Combine("taken")).FullName;

        var run = await SglProcess.RunAsync([.. arguments.Select(a => a switch { "FILE" => file, "FOLDER" => folder, _ => a })]);

        Assert.Contains("taken", run.OneError(), StringComparison.Ordinal);
        Assert.DoesNotContain("unexpected", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ask")]
    [InlineData("show")]
    public async Task Run_TextFileAsImage_IsOneErrorThatNamesTheFile(string command)
    {
        var path = _folder.Combine("notes.png");
        await File.WriteAllTextAsync(path, "no picture at all");

        var error = (await SglProcess.RunAsync(command, "q", "--image", path)).OneError();

        Assert.Contains("notes.png", error, StringComparison.Ordinal);
        Assert.Contains("not a PNG, JPEG, WebP, GIF, BMP or TIFF", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ask_TruncatedJpeg_IsOneErrorThatNamesTheFile()
    {
        var path = _folder.Combine("half.jpg");
        var bytes = await File.ReadAllBytesAsync(Samples.Image("shapes.jpg"));
        await File.WriteAllBytesAsync(path, bytes[..(bytes.Length / 2)]);

        Assert.Contains("half.jpg", (await SglProcess.RunAsync("ask", "q", "--image", path)).OneError(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ask_MissingImage_IsOneErrorThatNamesTheFile() =>
        Assert.Contains("no such file", (await SglProcess.RunAsync("ask", "q", "--image", _folder.Combine("none.png"))).OneError(), StringComparison.Ordinal);

    [Theory]
    [InlineData("--small", "sgl-demo-small")]
    [InlineData("--large", "sgl-demo-large")]
    public async Task Ask_TruncatedWeights_IsOneErrorThatNamesTheFile(string option, string model)
    {
        var copy = Samples.CopyModel(model, _folder);
        await using (var weights = File.OpenWrite(Path.Combine(copy, "model.safetensors")))
        {
            weights.SetLength(weights.Length - 1000);
        }

        Assert.Contains("model.safetensors", (await SglProcess.RunAsync("ask", "q", option, copy)).OneError(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Info_BrokenFolder_ListsEveryProblem()
    {
        var copy = Samples.CopyModel("sgl-demo-small", _folder);
        var config = Path.Combine(copy, "config.json");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("\"hidden_size\": 128", "\"hidden_size\": 64", StringComparison.Ordinal));

        var run = await SglProcess.RunAsync("info", copy);

        Assert.Contains("problems", run.OneError(), StringComparison.Ordinal);
        Assert.Contains("model.safetensors, language_model.model.tok_embeddings.weight: expected", run.Error, StringComparison.Ordinal);
        Assert.True(run.Error.Split('\n').Count(l => l.StartsWith("  ", StringComparison.Ordinal)) > 1);
    }

    [Fact]
    public async Task Ask_NobodyListens_IsOneError() =>
        Assert.Contains("the router at 127.0.0.1:1 cannot be reached", (await SglProcess.RunAsync("ask", "q", "--router", "127.0.0.1:1")).OneError(), StringComparison.Ordinal);

    [Fact]
    public async Task Run_Verbose_ShowsTheException()
    {
        var run = await SglProcess.RunAsync("info", _folder.Combine("nowhere"), "--verbose");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("Sgl.Models.CheckpointException", run.Error, StringComparison.Ordinal);
        Assert.Contains("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Demo_ListWithABrokenLine_NamesTheLine()
    {
        var list = _folder.Combine("list.jsonl");
        await File.WriteAllLinesAsync(list, ["{\"image\": \"a.png\", \"question\": \"q\", \"answer\": \"a\"}", "{\"image\": 1}"]);

        Assert.Contains("line 2", (await SglProcess.RunAsync("demo", "--questions", list)).OneError(), StringComparison.Ordinal);
    }
}
