using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Sgl.TestKit;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>The bridge in front of a server that nobody here wrote; <c>tests/engines/run</c> brings it. Skipped without.</summary>
public sealed class ForeignServerTests
{
    private const string Model = "mock-vlm";

    [SkippableFact]
    public async Task Generate_MockLlm_StreamsItsAnswer()
    {
        await using var server = await MockLlm.StartAsync();
        await using var bridge = await Bridges.StartAsync(server.Address, Model);

        var answer = await AnswerAsync(
            new Wire.LargeService.LargeServiceClient(bridge.Channel),
            new Wire.LargeServiceGenerateRequest { Input = Ask("Why is it?", TestImages.Png(56, 28)), Guidance = Unpruned() });

        Assert.Equal(["You a", "sked:", " Why ", "is it", "?"], answer.Tokens.Select(t => t.Text));
        Assert.Equal(("You asked: Why is it?", Wire.FinishReason.Stop, 5), (answer.Completed!.Answer, answer.Completed.FinishReason, answer.Completed.Usage.GeneratedTokenCount));
    }

    [SkippableFact]
    public async Task Generate_MockLlmRefuses_IsNoAnswer()
    {
        await using var server = await MockLlm.StartAsync();
        await using var bridge = await Bridges.StartAsync(server.Address, Model);

        // It tells errors of streams in the stream, with status 200.
        var failure = await Failure.OfAsync(() => AnswerAsync(
            new Wire.LargeService.LargeServiceClient(bridge.Channel), new Wire.LargeServiceGenerateRequest { Input = Ask("Do I ask too often?"), Guidance = Unpruned() }));

        Assert.Equal(StatusCode.Internal, failure.Code);
    }

    [SkippableFact]
    public async Task Health_MockLlmWithoutTheModel_SaysWhatItHas()
    {
        await using var server = await MockLlm.StartAsync();
        await using var bridge = await Bridges.BeginAsync(server.Address, "another", []);

        for (var i = 0; !bridge.Health.Reason.Contains("does not list another, but mock-vlm", StringComparison.Ordinal); i++)
        {
            Assert.True(i < 1200, $"Health says '{bridge.Health.Reason}' after a minute.");
            await Task.Delay(50);
        }
    }

    private sealed class MockLlm(Process process, Uri address) : IAsyncDisposable
    {
        public Uri Address => address;

        public static async Task<MockLlm> StartAsync()
        {
            var program = Environment.GetEnvironmentVariable("SGL_MOCK_LLM");
            Skip.If(program is null, "tests/engines/run brings the server");
            var port = FreePort();
            var start = new ProcessStartInfo("node") { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var argument in new[] { program!, "--config", Path.Combine(SharedData.RepositoryRoot, "tests", "engines", "mock-llm.yaml") })
            {
                start.ArgumentList.Add(argument);
            }

            (start.Environment["HOST"], start.Environment["PORT"]) = ("127.0.0.1", port.ToString(CultureInfo.InvariantCulture));
            var process = Process.Start(start)!;
            _ = process.StandardError.ReadToEndAsync();
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                if (line.Contains("server running", StringComparison.Ordinal))
                {
                    _ = process.StandardOutput.ReadToEndAsync();
                    return new MockLlm(process, new Uri($"http://127.0.0.1:{port}/v1"));
                }
            }

            throw new InvalidOperationException($"mock-llm ended with {process.ExitCode} before it listened");
        }

        public async ValueTask DisposeAsync()
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        private static int FreePort()
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
    }
}
