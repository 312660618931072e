using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Sgl.Batch.Tests;

public sealed class BatchRunnerTests : IAsyncLifetime, IDisposable
{
    private readonly Scratch _scratch = new();
    private Api _api = null!;

    public async Task InitializeAsync() => _api = await Api.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Run_All_OneAnswerEachInTheFormat()
    {
        var last = await RunAsync(_scratch.Requests(50));

        Assert.Equal(new BatchProgress(50, 50, 0), last);
        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"r{i}").Order(), Ids(_scratch.Answers));
        Assert.Equal("", File.ReadAllText(_scratch.Errors));
        var line = Lines(_scratch.Answers).Single(l => (string?)l["custom_id"] == "r7");
        Assert.Equal(
            """{"id":"batch_req_id-7","custom_id":"r7","response":{"status_code":200,"request_id":"id-7","body":{"answer":7}},"error":null}""", line.ToJsonString());
    }

    [Fact]
    public async Task Run_StoppedAndTorn_GoesOnWithoutDuplicates()
    {
        var path = _scratch.Requests(40);
        using var stop = new CancellationTokenSource();
        _api.Answer = async (n, context) =>
        {
            if (_api.Asked.Count > 20)
            {
                await stop.CancelAsync();
            }

            await context.Response.WriteAsync($$"""{"answer":{{n}}}""");
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RunAsync(path, stop: stop.Token));
        var text = await File.ReadAllTextAsync(_scratch.Answers);
        var kept = Ids(_scratch.Answers).ToList();
        Assert.InRange(kept.Count, 1, 39);
        await File.WriteAllTextAsync(_scratch.Answers, text + text[..^5].Split('\n')[^1]); // as if it were killed in the middle of a write
        _api.Asked.Clear();

        await RunAsync(path);

        Assert.Equal(Enumerable.Range(0, 40).Select(i => $"r{i}").Order(), Ids(_scratch.Answers));
        Assert.Equal(40 - kept.Count, _api.Asked.Count);
        Assert.Empty(_api.Asked.Select(n => $"r{n}").Intersect(kept));
        Assert.All(Lines(_scratch.Answers), l => Assert.Equal((string?)l["custom_id"], $"r{l["response"]!["body"]!["answer"]}"));
    }

    [Fact]
    public async Task Run_Again_NothingIsAsked()
    {
        var path = _scratch.Requests(5);
        await RunAsync(path);
        var before = await File.ReadAllBytesAsync(_scratch.Answers);
        _api.Asked.Clear();

        Assert.Equal(new BatchProgress(5, 5, 0), await RunAsync(path));

        Assert.Empty(_api.Asked);
        Assert.Equal(before, await File.ReadAllBytesAsync(_scratch.Answers));
    }

    [Fact]
    public async Task Run_Refused_InTheErrorsUntilTheyAreRetried()
    {
        var path = _scratch.Requests(6);
        _api.Answer = (n, context) =>
        {
            context.Response.StatusCode = n % 2 == 0 ? 400 : 200;
            return context.Response.WriteAsync("{\n\"error\": {\"param\": \"n\"}\r\n}");
        };

        Assert.Equal(new BatchProgress(6, 6, 3), await RunAsync(path));
        Assert.Equal(["r0", "r2", "r4"], Ids(_scratch.Errors));
        Assert.All(Lines(_scratch.Errors), l => Assert.Equal(("n", 400), ((string?)l["response"]!["body"]!["error"]!["param"], (int)l["response"]!["status_code"]!)));
        Assert.Equal(new BatchProgress(6, 6, 3), await RunAsync(path));
        _api.Asked.Clear();
        _api.Answer = (_, context) => context.Response.WriteAsync("{}");

        Assert.Equal(new BatchProgress(6, 6, 0), await RunAsync(path, retryErrors: true));

        Assert.Equal([0, 2, 4], _api.Asked.Order());
        Assert.Equal("", await File.ReadAllTextAsync(_scratch.Errors));
    }

    [Fact]
    public async Task Run_NoCapacityForAWhile_AskedAgain()
    {
        _api.Answer = (_, context) =>
        {
            var first = _api.Asked.Count < 3;
            context.Response.StatusCode = first ? StatusCodes.Status429TooManyRequests : 200;
            context.Response.Headers.RetryAfter = first ? "0" : default;
            return context.Response.WriteAsync("{}");
        };

        Assert.Equal(new BatchProgress(1, 1, 0), await RunAsync(_scratch.Requests(1)));

        Assert.Equal(3, _api.Asked.Count);
    }

    [Fact]
    public async Task Run_NoCapacityForEver_InTheErrors()
    {
        _api.Answer = (_, context) =>
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return context.Response.WriteAsync("{}");
        };

        Assert.Equal(new BatchProgress(1, 1, 1), await RunAsync(_scratch.Requests(1)));

        Assert.Equal(3, _api.Asked.Count);
    }

    [Fact]
    public async Task Run_AnswerThatIsNoJson_InTheErrors()
    {
        _api.Answer = (_, context) => context.Response.WriteAsync("<html>");

        await RunAsync(_scratch.Requests(1));

        var line = Lines(_scratch.Errors).Single();
        Assert.Equal("bad_response", (string?)line["error"]!["code"]);
        Assert.Null(line["response"]);
    }

    [Fact]
    public async Task Run_NoKey_EndsAndNothingCountsAsFailed()
    {
        _api.Answer = (_, context) =>
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return context.Response.WriteAsync("""{"error":{"message":"no such key"}}""");
        };

        var e = await Assert.ThrowsAsync<BatchException>(() => RunAsync(_scratch.Requests(10)));

        Assert.Contains("no such key", e.Message, StringComparison.Ordinal);
        Assert.Equal("", await File.ReadAllTextAsync(_scratch.Errors));
    }

    [Fact]
    public async Task Run_ServerAway_EndsAndNothingCountsAsFailed()
    {
        var path = _scratch.Requests(3);
        _api.Client.BaseAddress = new Uri("http://127.0.0.1:1");

        var e = await Assert.ThrowsAsync<BatchException>(() => RunAsync(path));

        Assert.Contains("127.0.0.1:1", e.Message, StringComparison.Ordinal);
        Assert.Equal("", await File.ReadAllTextAsync(_scratch.Errors));
    }

    [Fact]
    public async Task Run_ResultsOfAnotherBatch_Refused()
    {
        _scratch.Write("answers.jsonl", """{"custom_id":"other"}""" + "\n");

        Assert.Contains("other", (await Assert.ThrowsAsync<BatchException>(() => RunAsync(_scratch.Requests(1)))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hello\n")]
    [InlineData("{}\n")]
    [InlineData("{\"custom_id\":\"r0\"}\n{\"custom_id\":\"r0\"}\n")]
    public void Open_FileThatIsNoResults_RefusedAndLeftAlone(string text)
    {
        _scratch.Write("answers.jsonl", text);

        Assert.Throws<BatchException>(() => BatchResults.Open(_scratch.Answers, _scratch.Errors, retryErrors: false));

        Assert.Equal(text, File.ReadAllText(_scratch.Answers));
    }

    [Fact]
    public void Open_Twice_Refused()
    {
        using var first = BatchResults.Open(_scratch.Answers, _scratch.Errors, retryErrors: false);

        Assert.Throws<BatchException>(() => BatchResults.Open(_scratch.Answers, _scratch.At("other.jsonl"), retryErrors: false));
    }

    [Fact]
    public void Open_OneFileForBoth_Refused() =>
        Assert.Throws<BatchException>(() => BatchResults.Open(_scratch.Answers, Path.Combine(Path.GetDirectoryName(_scratch.Answers)!, ".", "answers.jsonl"), retryErrors: false));

    private async Task<BatchProgress> RunAsync(string path, bool retryErrors = false, CancellationToken stop = default)
    {
        using var file = BatchFile.Open(path);
        using var results = BatchResults.Open(_scratch.Answers, _scratch.Errors, retryErrors);
        var last = new Last();
        var options = new BatchOptions { Concurrency = 4, MaxAttempts = 3, Backoff = TimeSpan.FromMilliseconds(1) };
        await new BatchRunner(_api.Client, options, TimeProvider.System).RunAsync(file, results, last, stop);
        return last.Value;
    }

    private static IEnumerable<string> Ids(string path) => Lines(path).Select(l => (string)l["custom_id"]!).Order();

    private static List<JsonNode> Lines(string path) => [.. File.ReadLines(path).Select(l => JsonNode.Parse(l)!)];

    private sealed class Last : IProgress<BatchProgress>
    {
        private readonly Lock _lock = new();

        public BatchProgress Value { get; private set; }

        public void Report(BatchProgress value)
        {
            lock (_lock)
            {
                Value = value.Done >= Value.Done ? value : Value;
            }
        }
    }
}
