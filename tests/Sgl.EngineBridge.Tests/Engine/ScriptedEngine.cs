using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Sgl.EngineBridge;

/// <summary>A real HTTP server on a loopback port that answers like an engine, or as its script says.</summary>
internal sealed class ScriptedEngine : IAsyncDisposable
{
    public const string Model = "scripted/vlm-72b";

    private WebApplication? _app;
    private int _port;

    /// <summary>What the next questions get in place of an answer, in order.</summary>
    public ConcurrentQueue<Func<HttpContext, Task>> Script { get; } = [];

    /// <summary>What the list of models gets in place of the list; null: the list.</summary>
    public Func<HttpContext, Task>? Models { get; set; }

    /// <summary>Prompt tokens that it counts for a question.</summary>
    public Func<JsonNode, int> PromptTokens { get; set; } = _ => 345;

    /// <summary>Bodies of all questions.</summary>
    public ConcurrentQueue<JsonNode> Questions { get; } = [];

    /// <summary>Keys of all requests, probes included; null for a request without one.</summary>
    public ConcurrentQueue<string?> Keys { get; } = [];

    /// <summary>Released when a question's caller is gone before its answer ended.</summary>
    public SemaphoreSlim Gone { get; } = new(0);

    /// <summary>Released when a question has come.</summary>
    public SemaphoreSlim Asked { get; } = new(0);

    public Uri Address => new($"http://127.0.0.1:{_port}/v1");

    public static async Task<ScriptedEngine> StartAsync(bool starts = true)
    {
        var engine = new ScriptedEngine();
        await engine.RestartAsync();
        if (!starts)
        {
            await engine.StopAsync();
        }

        return engine;
    }

    /// <summary>Starts again, on the same port.</summary>
    public async Task RestartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, _port, l => l.Protocols = HttpProtocols.Http1));
        builder.Services.AddRouting();
        _app = builder.Build();
        _app.MapGet("/v1/models", AnswerModelsAsync);
        _app.MapPost("/v1/chat/completions", AnswerAsync);
        await _app.StartAsync();
        _port = new Uri(_app.Urls.First()).Port;
    }

    public async Task StopAsync()
    {
        if (_app is { } app)
        {
            _app = null;
            using var now = new CancellationTokenSource(TimeSpan.Zero);
            await app.StopAsync(now.Token);
            await app.DisposeAsync();
        }
    }

    /// <summary>A bridge to it.</summary>
    public Task<TestKit.Serving.RunningService> BridgeAsync(params (string Key, string Value)[] settings) => Bridges.StartAsync(Address, Model, settings);

    /// <summary>An error as engines send them.</summary>
    public static Func<HttpContext, Task> Error(int status, string message, params (string Name, string Value)[] headers) => async context =>
    {
        context.Response.StatusCode = status;
        foreach (var (name, value) in headers)
        {
            context.Response.Headers[name] = value;
        }

        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(new JsonObject { ["error"] = new JsonObject { ["message"] = message, ["type"] = "test", ["code"] = status } }.ToJsonString());
    };

    /// <summary>Bytes as the stream of an answer.</summary>
    public static Func<HttpContext, Task> Raw(string stream, string contentType = "text/event-stream") => async context =>
    {
        context.Response.ContentType = contentType;
        await context.Response.WriteAsync(stream);
    };

    /// <summary>An answer of these texts, one event each.</summary>
    public static Func<HttpContext, Task> Texts(params string[] texts) => Raw(Stream(texts));

    /// <summary>The stream of an answer, as vLLM writes it.</summary>
    public static string Stream(IEnumerable<string> texts, string? finish = "stop", bool usage = true, int promptTokens = 345)
    {
        var stream = new StringBuilder();
        Event(Chunk(new JsonObject { ["role"] = "assistant", ["content"] = "" }));
        var count = 0;
        foreach (var text in texts)
        {
            count++;
            Event(Chunk(new JsonObject { ["content"] = text }));
        }

        if (finish is not null)
        {
            Event(Chunk(new JsonObject(), finish));
        }

        if (usage)
        {
            var last = Chunk(new JsonObject());
            last["choices"] = new JsonArray();
            last["usage"] = new JsonObject { ["prompt_tokens"] = promptTokens, ["completion_tokens"] = count + 1, ["total_tokens"] = promptTokens + count + 1 };
            Event(last);
        }

        return stream.Append("data: [DONE]\n\n").ToString();

        void Event(JsonObject data) => stream.Append("data: ").Append(data.ToJsonString()).Append("\n\n");
    }

    public static JsonObject Chunk(JsonObject delta, string? finish = null) => new()
    {
        ["id"] = "chatcmpl-1",
        ["object"] = "chat.completion.chunk",
        ["created"] = 1790000000,
        ["model"] = Model,
        ["choices"] = new JsonArray(new JsonObject { ["index"] = 0, ["delta"] = delta, ["finish_reason"] = finish }),
    };

    /// <summary>Some text, and then nothing until the caller is gone.</summary>
    public static async Task HangAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        await context.Response.WriteAsync($"data: {Chunk(new JsonObject { ["content"] = "It" }).ToJsonString()}\n\n");
        await context.Response.Body.FlushAsync();
        await Task.Delay(Timeout.Infinite, context.RequestAborted);
    }

    /// <summary>Nothing at all until the caller is gone.</summary>
    public static Task MuteAsync(HttpContext context) => Task.Delay(Timeout.Infinite, context.RequestAborted);

    /// <summary>Closes the connection.</summary>
    public static Task BreakAsync(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Gone.Dispose();
        Asked.Dispose();
    }

    private async Task AnswerModelsAsync(HttpContext context)
    {
        Keys.Enqueue(context.Request.Headers.Authorization);
        await (Models?.Invoke(context) ?? context.Response.WriteAsync(new JsonObject
        {
            ["object"] = "list",
            ["data"] = new JsonArray(new JsonObject { ["id"] = Model, ["object"] = "model", ["max_model_len"] = 32768 }),
        }.ToJsonString()));
    }

    private async Task AnswerAsync(HttpContext context)
    {
        Keys.Enqueue(context.Request.Headers.Authorization);
        var question = (await JsonNode.ParseAsync(context.Request.Body))!;
        Questions.Enqueue(question);
        Asked.Release();
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        try
        {
            await (Script.TryDequeue(out var scripted) ? scripted(context) : Raw(Stream(["The", " answer", " is", " 42."], promptTokens: PromptTokens(question)))(context));
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            Gone.Release();
        }
    }
}
