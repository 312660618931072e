using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Sgl.Hosting;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

/// <summary>The router as a process of its own.</summary>
public sealed class ProcessTests
{
    [Fact]
    public async Task Process_TerminatedWhileAnswering_TheStreamEndsByItselfThenTheProcessInOrder()
    {
        await using var small = new SmallPeer { Tokens = [.. Enumerable.Range(0, 20).Select(i => $"{i} ")], PerToken = TimeSpan.FromMilliseconds(100) };
        await using var large = new LargePeer();
        await small.StartAsync();
        await large.StartAsync();
        using var process = Start($"--Router:Small:Address={small.Address}", $"--Router:Large:Address={large.Address}");
        var line = await process.LineAsync("listens on");
        await process.LineAsync("is now SERVING");
        using var channel = GrpcChannel.ForAddress(line[line.IndexOf("http://", StringComparison.Ordinal)..].Split(';')[0]);
        using var call = new Wire.RouterService.RouterServiceClient(channel).Answer(Trio.Request());
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));

        process.Terminate();
        var events = new List<Wire.AnswerResponse>();
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            events.Add(response);
        }

        Assert.Equal(20, events.Count(e => e.SmallToken is not null));
        Assert.Equal(Wire.AnswerPath.Exit, events[^1].Completed.Path);
        Assert.Equal(ServiceRunner.Success, await process.ExitAsync());
        Assert.Empty(process.Errors);
    }

    [Fact]
    public async Task Process_PortInUse_OneLineAndItsExitCode()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;

        using var process = Start($"--Listen:Port={port}", "--Router:Small:Address=http://a:1", "--Router:Large:Address=http://a:2");

        Assert.Equal(ServiceRunner.CannotListen, await process.ExitAsync());
        Assert.Contains($"{port}", Assert.Single(process.Errors), StringComparison.Ordinal);
        Assert.DoesNotContain(process.Output, l => l.Contains("Exception", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Process_WrongSettings_AllOfThemInOneRun()
    {
        using var process = Start("--Router:Small:Address=nowhere", "--Router:Large:Address=http://a:2", "--Router:Policy:Threshold=-1", "--Listen:DrainTimeout=soon");

        Assert.Equal(ServiceRunner.BadSettings, await process.ExitAsync());
        Assert.Equal(3, process.Errors.Count);
    }

    private static ServiceProcess Start(params string[] settings) =>
        ServiceProcess.Start("Sgl.Router.dll", ["--Listen:Port=0", "--Listen:MetricsPort=0", "--Listen:HttpPort=0", .. settings]);
}
