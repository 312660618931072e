using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Sgl.TestKit;
using Sgl.TestKit.Serving;
using static Sgl.LargeService.LargeServer;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>Inputs that nobody asks about, queues that are full, clients that leave: nothing is held without a bound, and nobody else is blamed.</summary>
public sealed class LoadTests
{
    [Fact]
    public async Task Generate_ManyInputsWithoutGuidance_FewAreHeldAndCounted()
    {
        await using var large = await StartAsync(("Engine:MaxBatch", "1"), ("Engine:MaxQueue", "1"), ("Guidance:Timeout", "00:10:00"));
        var client = new Wire.LargeService.LargeServiceClient(large.Channel);
        var calls = Enumerable.Range(0, 60).Select(_ => client.Generate()).ToList();
        try
        {
            var endings = await Task.WhenAll(calls.Select(async call =>
            {
                try
                {
                    await call.RequestStream.WriteAsync(new() { Input = Ask("What shape is black?", Samples.Image("shapes.jpg")) });
                }
                catch (Exception e) when (e is RpcException or InvalidOperationException)
                {
                    // How it ended, the answer tells.
                }

                try
                {
                    await call.ResponseStream.MoveNext(CancellationToken.None);
                    return StatusCode.OK;
                }
                catch (RpcException e)
                {
                    Assert.NotNull(e.GetRpcStatus()!.GetDetail<Google.Rpc.RetryInfo>());
                    return e.StatusCode;
                }
            }));

            Assert.Equal(1, endings.Count(e => e == StatusCode.OK));
            Assert.Equal(59, endings.Count(e => e == StatusCode.ResourceExhausted));
            Assert.Equal((1, 0, 1), (await MetricAsync(large, "sgl_requests_waiting"), await MetricAsync(large, "sgl_requests_running"), await MetricAsync(large, "sgl_inputs_without_guidance")));

            // The other place is for those that know what they want.
            var answer = await AnswerAsync(client, new Wire.LargeServiceGenerateRequest { Input = Ask("What shape is black?", Samples.Image("shapes.jpg")), Guidance = Unpruned() });
            Assert.NotEmpty(answer.Completed!.Answer);
        }
        finally
        {
            calls.ForEach(c => c.Dispose());
        }

        await UntilAsync(async () => await MetricAsync(large, "sgl_requests_waiting") == 0 && await MetricAsync(large, "sgl_inputs_without_guidance") == 0);
    }

    [Fact]
    public async Task Generate_InputIsGuided_ItsPlaceAmongTheUnguidedIsFree()
    {
        await using var large = await StartAsync(("Engine:MaxBatch", "1"), ("Guidance:MaxWaiting", "1"));
        var client = new Wire.LargeService.LargeServiceClient(large.Channel);
        using var first = client.Generate();
        await first.RequestStream.WriteAsync(new() { Input = AskForLong() });
        Assert.True(await first.ResponseStream.MoveNext(CancellationToken.None));
        await first.RequestStream.WriteAsync(new() { Guidance = Unpruned() });
        while (first.ResponseStream.Current.Token is null)
        {
            Assert.True(await first.ResponseStream.MoveNext(CancellationToken.None));
        }

        using var second = client.Generate();
        await second.RequestStream.WriteAsync(new() { Input = Ask("What?") });

        Assert.True(await second.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal((1, 1), (await MetricAsync(large, "sgl_requests_running"), await MetricAsync(large, "sgl_inputs_without_guidance")));
    }

    [Fact]
    public async Task Generate_FirstMessageNeverComes_IsEnded()
    {
        await using var large = await StartAsync(("Calls:ReadTimeout", "00:00:00.3"));
        using var call = new Wire.LargeService.LargeServiceClient(large.Channel).Generate();
        var failure = await Failure.OfAsync(() => call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal((StatusCode.DeadlineExceeded, "UPLOAD_STALLED"), (failure.Code, failure.Reason));
    }

    [Theory]
    [InlineData("before the input")]
    [InlineData("awaiting guidance")]
    [InlineData("answering")]
    public async Task Generate_ClientLeaves_IsCancelledAndLogsNoError(string when)
    {
        var log = new Lines();
        using var logging = LoggerFactory.Create(l => l.AddProvider(log));
        await using var large = await RunningService.StartAsync(LargeServiceHost.CreateEmbedded(RunningService.Settings("large"), logging));
        var client = new Wire.LargeService.LargeServiceClient(large.Channel);
        for (var i = 0; await MetricAsync(large, EndedAs("Cancelled")) < 5; i++)
        {
            Assert.True(i < 1000, "five calls never arrived");
            using var leave = new CancellationTokenSource();
            using var call = client.Generate(cancellationToken: leave.Token);
            if (when != "before the input")
            {
                await call.RequestStream.WriteAsync(new() { Input = AskForLong() });
                Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
            }

            if (when == "answering")
            {
                await call.RequestStream.WriteAsync(new() { Guidance = Unpruned() });
                Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
                Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
            }
            else
            {
                await Task.Delay(50);
            }

            await leave.CancelAsync();
        }

        // One that left before it arrived is no call.
        await large.IdleAsync();
        Assert.DoesNotContain((await large.MetricsAsync()).Split('\n'), l => l.Contains("LargeService/Generate", StringComparison.Ordinal)
            && l.StartsWith("sgl_grpc_requests_total", StringComparison.Ordinal) && !l.Contains("code=\"Cancelled\"", StringComparison.Ordinal));
        Assert.DoesNotContain(log.All, l => l.StartsWith("Error", StringComparison.Ordinal));
        await large.IdleAsync();
    }

    [Fact]
    public async Task Generate_DeadlineWhileGuidanceIsAwaited_IsDeadlineExceeded()
    {
        await using var large = await StartAsync();
        var layouts = 0;
        var calls = 0;
        for (var seconds = 2; layouts == 0; seconds *= 2)
        {
            // The client waits longer than it says: who ends the call is not left to chance.
            using var channel = Grpc.Net.Client.GrpcChannel.ForAddress(large.Endpoints.Grpc, new() { HttpHandler = new SaysDeadline($"{seconds}S") });
            using var call = new Wire.LargeService.LargeServiceClient(channel).Generate();
            calls++;
            await call.RequestStream.WriteAsync(new() { Input = Ask("What?") });
            await Failure.OfAsync(async () =>
            {
                while (await call.ResponseStream.MoveNext(CancellationToken.None))
                {
                    layouts++;
                }
            });
        }

        Assert.Equal(1, layouts);
        await UntilAsync(async () => await MetricAsync(large, "sgl_requests_waiting") == 0 && await MetricAsync(large, EndedAs("DeadlineExceeded")) == calls);
    }

    [Fact]
    public async Task Generate_AnswersNobodyReads_FreeTheirPlacesAfterTheWriteTimeout()
    {
        await using var large = await StartAsync(("Engine:MaxBatch", "1"), ("Engine:MaxQueue", "1"), ("Calls:WriteTimeout", "00:00:00.5"));
        var question = new Wire.LargeServiceGenerateRequest { Input = AskForLong(), Guidance = Unpruned() }.ToByteArray();
        using var first = await UnreadCall.AskAsync(large.Endpoints.Grpc, "/sgl.v1.LargeService/Generate", question, CancellationToken.None);
        using var second = await UnreadCall.AskAsync(large.Endpoints.Grpc, "/sgl.v1.LargeService/Generate", question, CancellationToken.None);

        // Both places were taken, and both came free because nobody read.
        await large.UntilMetricAsync("sgl_slow_clients_total{side=\"answer\"", 2);
        await large.UntilMetricAsync("sgl_requests_running", 0);
        await large.UntilMetricAsync("sgl_requests_waiting", 0);
        await large.IdleAsync();
        var answer = await AnswerAsync(
            new Wire.LargeService.LargeServiceClient(large.Channel),
            new Wire.LargeServiceGenerateRequest { Input = Ask("What shape is black?", Samples.Image("shapes.jpg")), Guidance = Unpruned() });
        Assert.NotEmpty(answer.Completed!.Answer);
    }

    private static string EndedAs(string code) => $"sgl_grpc_requests_total{{method=\"/sgl.v1.LargeService/Generate\",code=\"{code}\"";

    private static Task<double> MetricAsync(RunningService service, string name) => service.MetricAsync(name);

    private sealed class SaysDeadline(string timeout) : DelegatingHandler(new SocketsHttpHandler())
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Add("grpc-timeout", timeout);
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _lines = [];

        public IEnumerable<string> All => _lines;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
