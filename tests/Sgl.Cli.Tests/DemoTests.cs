using System.Globalization;
using System.Text.RegularExpressions;
using Sgl.TestKit;

namespace Sgl.Cli.Tests;

public sealed partial class DemoTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Demo_NoArguments_AnswersAllButOneAtMostWithExitsAndEscalations()
    {
        var questions = File.ReadLines(Samples.Image("documents/questions.jsonl")).Count(l => l.Length > 0);

        var run = (await SglProcess.RunInAsync(_folder.Path, "demo")).Succeeded();

        var summary = Summary().Match(run.Output);
        Assert.True(summary.Success, run.Output);
        int Number(string name) => int.Parse(summary.Groups[name].Value, CultureInfo.InvariantCulture);
        Assert.Equal(questions, Number("all"));
        Assert.True(Number("right") >= questions - 1, run.Output);
        Assert.True(Number("exits") > 0 && Number("escalations") > 0, run.Output);
        Assert.Equal(questions, Number("exits") + Number("escalations"));
        Assert.Equal(questions, Directory.GetFiles(_folder.Combine("out", "demo"), "*.png").Length);
        Assert.Contains("trained on synthetic pages", run.Output, StringComparison.Ordinal);
        Assert.Contains("--small", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Demo_LargeModelRefusesAQuestion_FailsWithOneError()
    {
        // Long enough for the warm-up, too short for the question with its images.
        var copy = Samples.CopyModel("sgl-documents-large", _folder);
        var config = Path.Combine(copy, "config.json");
        await File.WriteAllTextAsync(
            config, (await File.ReadAllTextAsync(config)).Replace("\"max_position_embeddings\": 2048", "\"max_position_embeddings\": 150", StringComparison.Ordinal));

        var run = await SglProcess.RunInAsync(_folder.Path, "demo", "--large", copy, "--threshold", "2");

        run.OneError();
    }

    [GeneratedRegex("(?<right>[0-9]+) of (?<all>[0-9]+) right, (?<exits>[0-9]+) exits, (?<escalations>[0-9]+) escalations")]
    private static partial Regex Summary();
}
