using Google.Protobuf;
using Grpc.Core;
using Sgl.TestKit;
using Sgl.TestKit.Serving;
using static Sgl.SmallService.SmallServer;
using Wire = Sgl.V1;

namespace Sgl.SmallService;

/// <summary>Cancellation, deadlines, a full queue, the end of the process.</summary>
[Collection(nameof(SmallServer))]
public sealed class LoadTests(SmallServer server)
{
    [Fact]
    public async Task Generate_ClientCancels_FreesTheEngine()
    {
        var held = new List<long>();
        for (var i = 0; i < 20; i++)
        {
            using (var call = server.Client.Generate(AskForLong()))
            {
                await FirstTokenAsync(call);
                Assert.NotEqual(0, server.Service.Engine.Load.Running);
            }

            await server.Service.IdleAsync();
            held.Add(server.Service.Engine.Load.KvBytesUsed);
        }

        // Memory is kept for the next request, but no call may leave its own behind.
        Assert.Single(held.Distinct());
    }

    [Fact]
    public async Task Generate_DeadlinePasses_IsSaidAndFreesTheEngine()
    {
        var failure = await Failure.OfAsync(async () =>
        {
            using var call = server.Client.Generate(AskForLong(), deadline: DateTime.UtcNow.AddSeconds(0.15));
            await foreach (var _ in call.ResponseStream.ReadAllAsync())
            {
            }
        });

        Assert.Equal(StatusCode.DeadlineExceeded, failure.Code);
        await server.Service.IdleAsync();
    }

    [Fact]
    public async Task Generate_QueueFull_IsRefusedWithARetryDelay()
    {
        await using var small = await StartAsync(("Engine:MaxBatch", "1"), ("Engine:MaxQueue", "1"));
        var client = new Wire.SmallService.SmallServiceClient(small.Channel);
        var calls = Enumerable.Range(0, 6).Select(_ => client.Generate(AskForLong())).ToList();
        try
        {
            var endings = calls.Select(c => Failure.OfAsync(async () =>
            {
                await foreach (var _ in c.ResponseStream.ReadAllAsync())
                {
                }
            })).ToList();
            var refused = await await Task.WhenAny(endings);

            Assert.Equal((StatusCode.ResourceExhausted, "OVERLOADED"), (refused.Code, refused.Reason));
            Assert.True(refused.RetryAfter > TimeSpan.Zero);
        }
        finally
        {
            calls.ForEach(c => c.Dispose());
        }

        await small.IdleAsync();
        Assert.NotEmpty((await AnswerAsync(client, Ask("What shape is black?", Samples.Image("shapes.jpg")))).Completed.Answer);
    }

    [Fact]
    public async Task Generate_ManyAtOnce_HoldsBatchAndQueueAndRefusesTheOthers()
    {
        await using var small = await StartAsync(("Engine:MaxBatch", "1"), ("Engine:MaxQueue", "2"));
        var client = new Wire.SmallService.SmallServiceClient(small.Channel);
        using var leave = new CancellationTokenSource();
        var calls = Enumerable.Range(0, 60).Select(async _ =>
        {
            using var call = client.Generate(AskForLong(), cancellationToken: leave.Token);
            try
            {
                await foreach (var token in call.ResponseStream.ReadAllAsync())
                {
                }
            }
            catch (RpcException e)
            {
                return e.StatusCode;
            }

            return StatusCode.OK;
        }).ToList();

        for (var refused = 0; refused < 57; refused++)
        {
            var ended = await Task.WhenAny(calls);
            Assert.Equal(StatusCode.ResourceExhausted, await ended);
            calls.Remove(ended);
        }

        var metrics = (await small.MetricsAsync()).Split('\n');
        Assert.Contains("sgl_requests_running{service=\"small\"} 1", metrics);
        Assert.Contains("sgl_requests_waiting{service=\"small\"} 2", metrics);
        await leave.CancelAsync();
        Assert.All(await Task.WhenAll(calls), code => Assert.Equal(StatusCode.Cancelled, code));
        await small.IdleAsync();
    }

    [Fact]
    public async Task Generate_AnswersNobodyReads_FreeTheirPlacesAfterTheWriteTimeout()
    {
        await using var small = await StartAsync(("Engine:MaxBatch", "1"), ("Engine:MaxQueue", "1"), ("Calls:WriteTimeout", "00:00:00.5"));
        var question = AskForLong().ToByteArray();
        using var first = await UnreadCall.AskAsync(small.Endpoints.Grpc, "/sgl.v1.SmallService/Generate", question, CancellationToken.None);
        using var second = await UnreadCall.AskAsync(small.Endpoints.Grpc, "/sgl.v1.SmallService/Generate", question, CancellationToken.None);

        // Both places were taken, and both came free because nobody read.
        await small.UntilMetricAsync("sgl_slow_clients_total{side=\"answer\"", 2);
        await small.UntilMetricAsync("sgl_requests_running", 0);
        await small.UntilMetricAsync("sgl_requests_waiting", 0);
        await small.IdleAsync();
        var client = new Wire.SmallService.SmallServiceClient(small.Channel);
        Assert.NotEmpty((await AnswerAsync(client, Ask("What shape is black?", Samples.Image("shapes.jpg")))).Completed.Answer);
    }

    [Fact]
    public async Task Metrics_AfterAnAnswer_CountTokensPhasesAndScores()
    {
        await server.AnswerAsync(Ask("What shape is black?", Samples.Image("shapes.jpg")));

        var metrics = await server.Service.MetricsAsync();

        foreach (var name in new[]
        {
            "sgl_time_to_first_token_seconds_count{service=\"small\"}",
            "sgl_e2e_request_latency_seconds_count{service=\"small\"}",
            "sgl_phase_seconds_count{phase=\"prefill\",service=\"small\"}",
            "sgl_phase_seconds_count{phase=\"consistency\",service=\"small\"}",
            "sgl_exit_score_count{criterion=\"decision\",service=\"small\"}",
            "sgl_generated_tokens_total{service=\"small\"}",
            "sgl_visual_tokens_total{service=\"small\"}",
            "sgl_kv_bytes_budget{service=\"small\"}",
        })
        {
            var line = metrics.Split('\n').SingleOrDefault(l => l.StartsWith(name + " ", StringComparison.Ordinal));
            Assert.True(line is not null && !line.EndsWith(" 0", StringComparison.Ordinal), $"{name}: {line}");
        }
    }

    [Fact]
    public async Task Stop_WhileAnswering_FinishesTheAnswerAndTakesNoNewOne()
    {
        await using var small = await StartAsync();
        var client = new Wire.SmallService.SmallServiceClient(small.Channel);
        using var call = client.Generate(AskForLong(200));
        await FirstTokenAsync(call);

        var stopping = small.App.StopAsync();
        Assert.False(small.Health.IsServing);
        var last = new Wire.SmallServiceGenerateResponse();
        await foreach (var e in call.ResponseStream.ReadAllAsync())
        {
            last = e;
        }

        Assert.Equal(200, last.Completed.Usage.GeneratedTokenCount);
        await stopping.WaitAsync(TimeSpan.FromSeconds(30));
        await Assert.ThrowsAsync<RpcException>(async () => await client.GetModelInfoAsync(new Wire.SmallServiceGetModelInfoRequest()));
    }

    [Fact]
    public async Task Stop_AnswerTooLongForTheDrain_IsEndedWithAStatus()
    {
        await using var small = await StartAsync(("Listen:DrainTimeout", "00:00:00.1"));
        using var call = new Wire.SmallService.SmallServiceClient(small.Channel).Generate(AskForLong(1024));
        await FirstTokenAsync(call);

        var stopping = small.App.StopAsync();
        var failure = await Failure.OfAsync(async () =>
        {
            await foreach (var _ in call.ResponseStream.ReadAllAsync())
            {
            }
        });

        Assert.Equal((StatusCode.Unavailable, "SHUTTING_DOWN"), (failure.Code, failure.Reason));
        Assert.True(failure.RetryAfter > TimeSpan.Zero);
        await stopping.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private static async Task FirstTokenAsync(AsyncServerStreamingCall<Wire.SmallServiceGenerateResponse> call)
    {
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            if (call.ResponseStream.Current.Token is not null)
            {
                return;
            }
        }

        Assert.Fail("The answer ended without a token.");
    }
}
