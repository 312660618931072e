namespace Sgl.Cli.Tests;

public class UsageTests
{
    [Theory]
    [InlineData("--threshold: 'abc' is not a number", "ask", "q", "--threshold", "abc")]
    [InlineData("--threshold: 'NaN' is not a number", "ask", "q", "--threshold", "NaN")]
    [InlineData("--criterion: 'best' is not one of Decision", "ask", "q", "--criterion", "best")]
    [InlineData("--keep-ratio: '1.5' is not a number from 0 to 1", "ask", "q", "--keep-ratio", "1.5")]
    [InlineData("--prune-layer: '-1' is not a whole number", "ask", "q", "--prune-layer", "-1")]
    [InlineData("The question is empty", "ask", "  ")]
    [InlineData("--router excludes --small", "ask", "q", "--router", "localhost:1", "--small", "models")]
    [InlineData("--unpruned excludes", "ask", "q", "--unpruned", "--keep-ratio", "0.5")]
    [InlineData("'question' missing", "ask")]
    [InlineData("'--image' is required", "show", "q")]
    [InlineData("--ratios: '2' is not a number from 0 to 1", "show", "q", "--image", "x.png", "--ratios", "0.5,2")]
    [InlineData("--port: '70000' is not a port", "serve", "--port", "70000")]
    [InlineData("folder is empty", "info", "")]
    [InlineData("folder is empty", "info", " ")]
    [InlineData("folder is empty", "verify", "")]
    [InlineData("--small is empty", "ask", "q", "--small", "")]
    [InlineData("--large is empty", "serve", "--large", "")]
    [InlineData("--image is empty", "ask", "q", "--image", "")]
    [InlineData("--image is empty", "show", "q", "--image", "a.png", "--image", "")]
    [InlineData("--router is empty", "ask", "q", "--router", "")]
    [InlineData("--policy is empty", "serve", "--policy", "")]
    [InlineData("--questions is empty", "demo", "--questions", "")]
    [InlineData("--out is empty", "demo", "--out", "")]
    [InlineData("--address is empty", "serve", "--address", "")]
    [InlineData("--data is empty", "eval", "--benchmark", "synthetic", "--data", "")]
    [InlineData("--from is empty", "calibrate", "--from", "")]
    [InlineData("Unrecognized command or argument 'sing'", "sing")]
    [InlineData("--router: 'ftp://x' is not an address", "ask", "q", "--router", "ftp://x")]
    public async Task Run_WrongUsage_SaysWhatIsWrongAndEndsWithTwo(string message, params string[] arguments)
    {
        var run = await SglProcess.RunAsync(arguments);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task Run_NoCommand_ShowsTheCommands()
    {
        var run = (await SglProcess.RunAsync()).Succeeded();

        Assert.All(new[] { "demo", "ask", "show", "serve", "verify", "info" }, c => Assert.Contains($"  {c} ", run.Output, StringComparison.Ordinal));
    }
}
