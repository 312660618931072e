using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>Settings, keys, and what health says of an engine.</summary>
public sealed class StartTests
{
    private const string Secret = "sk-7f3a9c51e2";

    [Fact]
    public void Create_AllWrong_TellsAllAtOnce()
    {
        var error = Assert.ThrowsAny<OptionsValidationException>(() => EngineBridgeHost.CreateEmbedded(new Dictionary<string, string?>
        {
            ["Bridge:Endpoint"] = $"http://user:{Secret}@host/v1",
            ["Bridge:MaxConcurrent"] = "0",
            ["Bridge:Retries"] = "-1",
            ["Bridge:TokenTimeout"] = "00:00:00",
            ["Bridge:KeyVariable"] = "SGL_TEST_NO_SUCH_VARIABLE",
        }).Services.GetRequiredService<IStartupValidator>().Validate());

        Assert.All(["Endpoint", "Model", "MaxConcurrent", "Retries", "TokenTimeout", "KeyVariable"], key => Assert.Contains(error.Failures, f => f.Contains($"Bridge:{key} ", StringComparison.Ordinal)));
        Assert.DoesNotContain(error.Failures, f => f.Contains(Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Key_FromFile_IsSentEverywhereAndReadAgain()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        var file = Path.Combine(Directory.CreateTempSubdirectory("sgl-key-").FullName, "key");
        await File.WriteAllTextAsync(file, $"{Secret}\n");
        await using var bridge = await engine.BridgeAsync(("Bridge:KeyFile", file));
        await AskAsync(bridge);
        Assert.All(engine.Keys, key => Assert.Equal($"Bearer {Secret}", key));

        await File.WriteAllTextAsync(file, "another");
        engine.Keys.Clear();
        await AskAsync(bridge);

        Assert.Contains("Bearer another", engine.Keys);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Fact]
    public async Task Key_None_NoHeaderIsSent()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        await using var bridge = await engine.BridgeAsync();

        await AskAsync(bridge);

        Assert.All(engine.Keys, Assert.Null);
    }

    [Fact]
    public async Task Key_WhateverFails_IsInNoLog()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        var file = Path.Combine(Directory.CreateTempSubdirectory("sgl-key-").FullName, "key");
        await File.WriteAllTextAsync(file, Secret);
        using var log = new Lines();
        await using var bridge = await Bridges.BeginAsync(engine.Address, ScriptedEngine.Model, [("Bridge:KeyFile", file)], log);
        await bridge.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromMinutes(1));
        foreach (var script in new[] { ScriptedEngine.Error(401, "who are you?"), ScriptedEngine.Error(500, "no"), ScriptedEngine.Raw("data: {broken\n\n"), ScriptedEngine.BreakAsync })
        {
            engine.Script.Enqueue(script);
            await Failure.OfAsync(async () =>
            {
                await AskAsync(bridge);
                engine.Script.Enqueue(ScriptedEngine.Error(500, "the broken connection was repeated"));
                await AskAsync(bridge);
            });
        }

        Assert.Contains(log.All, l => l.Contains("failed", StringComparison.Ordinal));
        Assert.DoesNotContain(log.All, l => l.Contains(Secret, StringComparison.Ordinal));
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Theory]
    [InlineData(401, "", "answers 401")]
    [InlineData(200, "{}", "cannot be read")]
    [InlineData(200, "<html>", "cannot be read")]
    [InlineData(200, """{"data":[{"id":"other"},{"id":7},3]}""", "does not list scripted/vlm-72b, but other")]
    public async Task Health_EngineDoesNotServeTheModel_SaysWhy(int status, string models, string reason)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.Models = async context =>
        {
            context.Response.StatusCode = status;
            await Microsoft.AspNetCore.Http.HttpResponseWritingExtensions.WriteAsync(context.Response, models);
        };
        await using var bridge = await Bridges.BeginAsync(engine.Address, ScriptedEngine.Model, []);

        for (var i = 0; !bridge.Health.Reason.Contains(reason, StringComparison.Ordinal); i++)
        {
            Assert.True(i < 1200, $"Health says '{bridge.Health.Reason}' after a minute.");
            await Task.Delay(50);
        }

        engine.Models = null;
        await bridge.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Health_NoProbe_ServesWhateverTheEngineDoes()
    {
        await using var engine = await ScriptedEngine.StartAsync(starts: false);
        await using var bridge = await engine.BridgeAsync(("Bridge:Probe", "false"));

        Assert.Contains("not probed", bridge.Health.Note, StringComparison.Ordinal);
    }

    private static Task<LargeAnswer> AskAsync(RunningService bridge) => AnswerAsync(
        new Wire.LargeService.LargeServiceClient(bridge.Channel), new Wire.LargeServiceGenerateRequest { Input = Ask("Why?"), Guidance = Unpruned() });

    /// <summary>Every line that anybody logs, exceptions included.</summary>
    private sealed class Lines : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> All { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
