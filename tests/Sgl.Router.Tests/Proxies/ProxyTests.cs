using System.Net;
using System.Text;
using System.Text.Json;
using Grpc.Core;
using Grpc.Net.Client;
using Sgl.Hosting;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>Two routers behind the proxies of the system, as <c>deploy/proxies</c> sets them up.</summary>
public sealed class ProxyTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [SkippableTheory]
    [InlineData("nginx")]
    [InlineData("haproxy")]
    public async Task Answer_OverGrpc_EachTokenArrivesBeforeTheNextIsMade(string name)
    {
        await using var site = await Site.StartAsync(name);
        var seen = site.GateTokens();
        using var call = site.Client.Answer(Trio.Request(), deadline: DateTime.UtcNow + Patience);

        var tokens = new List<string>();
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            if (response.LargeToken is { } token)
            {
                tokens.Add(token.Text);
                seen.Release();
            }
        }

        Assert.Equal(["for", "ty", "-two"], tokens);
    }

    [SkippableTheory]
    [InlineData("nginx")]
    [InlineData("haproxy")]
    public async Task Answer_OverHttp_EachTokenArrivesBeforeTheNextIsMade(string name)
    {
        await using var site = await Site.StartAsync(name);
        var seen = site.GateTokens();
        using var response = await site.StreamAsync();

        var text = new StringBuilder();
        await foreach (var delta in Deltas(response))
        {
            text.Append(delta);
            seen.Release();
        }

        Assert.Equal("forty-two", text.ToString());
    }

    [SkippableTheory]
    [InlineData("nginx")]
    [InlineData("haproxy")]
    public async Task Answer_PictureOfMegabytes_PassesWhole(string name)
    {
        await using var site = await Site.StartAsync(name);
        var request = Trio.Request();
        request.Images[0].Data = Google.Protobuf.ByteString.CopyFrom(new byte[900_000]);
        request.Images.Add(Enumerable.Repeat(request.Images[0], 3));
        var sent = request.Images.Sum(i => i.Data.Length);

        Assert.Equal("forty-two", await site.AskAsync(request));

        Assert.Equal(sent, site.Routers.SelectMany(r => r.Small.Requests).Single().Images.Sum(i => i.Data.Length));
    }

    [SkippableTheory]
    [InlineData("nginx")]
    [InlineData("haproxy")]
    public async Task Router_ToldToStop_ItsAnswerEndsByItselfAndNewQuestionsAreAnswered(string name)
    {
        await using var site = await Site.StartAsync(name);
        var release = site.HoldFirstAnswer();
        using var call = site.Client.Answer(Trio.Request(), deadline: DateTime.UtcNow + Patience);
        var router = await site.AskedAsync();

        router.Process.Terminate();
        await router.Process.LineAsync("Draining:");
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("forty-two", await site.AskAsync());
        }

        release.SetResult();
        Wire.AnswerResponse? last = null;
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            last = response;
        }

        Assert.Equal("forty-two", last?.Completed?.Answer);
        Assert.Equal(ServiceRunner.Success, await router.Process.ExitAsync());
        var others = site.Routers.Single(r => r != router).Large.Calls;
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("forty-two", await site.AskAsync());
        }

        Assert.Equal(others + 20, site.Routers.Single(r => r != router).Large.Calls);
    }

    [SkippableTheory]
    [InlineData("nginx")]
    [InlineData("haproxy")]
    public async Task Router_Killed_ItsAnswersAreErrorsAndNewQuestionsAreAnswered(string name)
    {
        await using var site = await Site.StartAsync(name);
        var release = site.HoldFirstAnswer();
        using var call = site.Client.Answer(Trio.Request(), deadline: DateTime.UtcNow + Patience);
        var router = await site.AskedAsync();

        await router.Process.KillAsync();

        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (var response in call.ResponseStream.ReadAllAsync())
            {
                Assert.Null(response.Completed);
            }
        });
        Assert.Contains(error.StatusCode, new[] { StatusCode.Unavailable, StatusCode.Internal, StatusCode.Unknown, StatusCode.Cancelled }.AsEnumerable());
        release.SetResult();
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("forty-two", await site.AskAsync());
        }
    }

    [SkippableTheory]
    [InlineData("nginx")]
    [InlineData("haproxy")]
    public async Task Router_KilledWhileItStreamsOverHttp_TheStreamBreaksOffAndIsNotEnded(string name)
    {
        await using var site = await Site.StartAsync(name);
        var release = site.HoldFirstAnswer();
        using var response = await site.StreamAsync();
        var router = await site.AskedAsync();

        await router.Process.KillAsync();

        var broken = await Record.ExceptionAsync(async () =>
        {
            await foreach (var _ in Deltas(response))
            {
            }
        });
        Assert.IsAssignableFrom<Exception>(broken);
        release.SetResult();
    }

    /// <summary>The pieces of text of a stream of chunks.</summary>
    /// <exception cref="IOException">It ends without the mark of its end.</exception>
    private static async IAsyncEnumerable<string> Deltas(HttpResponseMessage response)
    {
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line == "data: [DONE]")
            {
                yield break;
            }

            if (line.StartsWith("data: {", StringComparison.Ordinal))
            {
                using var chunk = JsonDocument.Parse(line["data: ".Length..]);
                if (chunk.RootElement.GetProperty("choices") is var choices && choices.GetArrayLength() > 0
                    && choices[0].GetProperty("delta").TryGetProperty("content", out var content) && content.GetString() is { Length: > 0 } text)
                {
                    yield return text;
                }
            }
        }

        throw new IOException("the stream ended without [DONE]");
    }

    private sealed class Site : IAsyncDisposable
    {
        private readonly GrpcChannel _channel;
        private readonly HttpClient _http;
        private readonly ProxyProcess _proxy;

        private Site(ProxyProcess proxy, RouterProcess[] routers)
        {
            _proxy = proxy;
            Routers = routers;
            _channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = proxy.Grpc() });
            _http = new HttpClient(proxy.Http()) { BaseAddress = new Uri("http://localhost"), Timeout = Patience };
            Client = new Wire.RouterService.RouterServiceClient(_channel);
        }

        public RouterProcess[] Routers { get; }

        public Wire.RouterService.RouterServiceClient Client { get; }

        public static async Task<Site> StartAsync(string proxy)
        {
            Skip.IfNot(ProxyProcess.IsInstalled(proxy), $"{proxy} is not installed: apt-get install {(proxy == "nginx" ? "nginx-light" : proxy)}");
            var routers = await Task.WhenAll(RouterProcess.StartAsync(), RouterProcess.StartAsync());
            var site = new Site(await ProxyProcess.StartAsync(proxy, routers), routers);
            return site;
        }

        /// <summary>From the second token on, each waits until the one before was seen.</summary>
        public SemaphoreSlim GateTokens()
        {
            var seen = new SemaphoreSlim(0);
            foreach (var router in Routers)
            {
                router.Large.BeforeToken = (i, cancellationToken) => i == 0 ? Task.CompletedTask : seen.WaitAsync(cancellationToken);
            }

            return seen;
        }

        /// <summary>The answer to the first question waits behind its first token; those to all others do not.</summary>
        public TaskCompletionSource HoldFirstAnswer()
        {
            var (release, first) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), 0);
            foreach (var router in Routers)
            {
                router.Large.BeforeToken = (i, cancellationToken) =>
                    i == 1 && Interlocked.CompareExchange(ref first, 1, 0) == 0 ? release.Task.WaitAsync(cancellationToken) : Task.CompletedTask;
            }

            return release;
        }

        /// <summary>The router that was asked first.</summary>
        public async Task<RouterProcess> AskedAsync()
        {
            for (var i = 0; ; i++)
            {
                if (Routers.FirstOrDefault(r => r.Large.Calls > 0) is { } router)
                {
                    return router;
                }

                Assert.True(i < 1200, "no router was asked");
                await Task.Delay(50);
            }
        }

        /// <summary>The whole answer to a question, asked again where a router was going away, as clients should.</summary>
        public async Task<string> AskAsync(Wire.AnswerRequest? request = null)
        {
            for (var tries = 0; ; tries++)
            {
                try
                {
                    using var call = Client.Answer(request ?? Trio.Request(), deadline: DateTime.UtcNow + Patience);
                    Wire.AnswerResponse? last = null;
                    await foreach (var response in call.ResponseStream.ReadAllAsync())
                    {
                        last = response;
                    }

                    return last?.Completed?.Answer ?? "(not completed)";
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable && tries < 240)
                {
                    await Task.Delay(250);
                }
            }
        }

        /// <summary>A streamed question over HTTP, once its answer has begun.</summary>
        public async Task<HttpResponseMessage> StreamAsync()
        {
            const string Body = """{"model": "sgl", "stream": true, "messages": [{"role": "user", "content": "How many?"}]}""";
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent(Body, Encoding.UTF8, "application/json") };
            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return response;
        }

        public async ValueTask DisposeAsync()
        {
            _channel.Dispose();
            _http.Dispose();
            await _proxy.DisposeAsync();
            foreach (var router in Routers)
            {
                await router.DisposeAsync();
            }
        }
    }
}
