using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace Sgl.Cli.Tests;

public sealed partial class BatchTests : IDisposable
{
    private const int KillAtOnce = 9;
    private readonly string _folder = Directory.CreateTempSubdirectory("sgl-batch-cli-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [SkippableFact]
    public async Task Batch_KilledInTheMiddle_TheSameCommandEndsWithTheSameAnswersAsAnUndisturbedOne()
    {
        Skip.If(OperatingSystem.IsWindows(), "signals are sent the POSIX way");
        var requests = Requests(60);
        using var serve = SglProcess.Start("serve", "--port", "0", "--http-port", "0");
        var router = (await serve.ReadToAsync("ready")).Single(l => l.StartsWith("router ", StringComparison.Ordinal)).Split("HTTP ")[1].Split(',')[0];
        var answers = Path.Combine(_folder, "requests.answers.jsonl");

        using (var killed = SglProcess.Start("batch", requests, "--router", router, "--concurrency", "2"))
        {
            var end = DateTime.UtcNow.AddMinutes(2);
            while (!File.Exists(answers) || File.ReadLines(answers).Count() < 5)
            {
                Assert.True(DateTime.UtcNow < end, "no answer came");
                await Task.Delay(5);
            }

            _ = Kill(killed.Id, KillAtOnce); // it may just have ended by itself
            await killed.EndAsync("");
        }

        var before = File.ReadLines(answers).Count();
        var again = await SglProcess.RunAsync("batch", requests, "--router", router, "--concurrency", "2");
        var whole = await SglProcess.RunAsync("batch", requests, "--router", router, "--out", Path.Combine(_folder, "whole.jsonl"), "--errors", Path.Combine(_folder, "none.jsonl"));

        Assert.InRange(before, 5, 60);
        again.Succeeded();
        whole.Succeeded();
        Assert.Contains("60 answered, 0 failed", again.Output, StringComparison.Ordinal);
        Assert.Equal(Answers(Path.Combine(_folder, "whole.jsonl")), Answers(answers));
        Assert.Equal(60, Answers(answers).Count);
    }

    [Fact]
    public async Task Batch_InProcess_AnswersAndErrorsInTheirFiles()
    {
        var requests = Requests(3);
        await File.AppendAllTextAsync(requests, """{"custom_id":"bad","method":"POST","url":"/v1/chat/completions","body":{"messages":[],"n":"x"}}""" + "\n");

        var run = await SglProcess.RunAsync("batch", requests);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("3 answered, 1 failed", run.Output, StringComparison.Ordinal);
        Assert.Equal(["q0", "q1", "q2"], Answers(Path.Combine(_folder, "requests.answers.jsonl")).Select(a => a.Id));
        var failed = JsonNode.Parse(Assert.Single(await File.ReadAllLinesAsync(Path.Combine(_folder, "requests.errors.jsonl"))))!;
        Assert.Equal(("bad", 400), ((string?)failed["custom_id"], (int)failed["response"]!["status_code"]!));
    }

    [Fact]
    public async Task Batch_WrongLines_AllToldBeforeAModelIsLoaded()
    {
        var requests = Path.Combine(_folder, "r.jsonl");
        await File.WriteAllTextAsync(requests, "{}\nx\n");

        var run = await SglProcess.RunAsync("batch", requests);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("r.jsonl:1: ", run.Error, StringComparison.Ordinal);
        Assert.Contains("r.jsonl:2: ", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "r.answers.jsonl")));
    }

    private string Requests(int count)
    {
        var path = Path.Combine(_folder, "requests.jsonl");
        File.WriteAllLines(path, Enumerable.Range(0, count).Select(i =>
            $$$"""{"custom_id":"q{{{i}}}","method":"POST","url":"/v1/chat/completions","body":{"messages":[{"role":"user","content":"Which word is number {{{i}}}?"}],"max_tokens":4}}"""));
        return path;
    }

    private static List<(string Id, string Answer)> Answers(string path) =>
    [
        .. File.ReadLines(path).Select(l => JsonNode.Parse(l)!)
            .Select(l => ((string)l["custom_id"]!, (string)l["response"]!["body"]!["choices"]![0]!["message"]!["content"]!)).OrderBy(l => l.Item1, StringComparer.Ordinal),
    ];

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
