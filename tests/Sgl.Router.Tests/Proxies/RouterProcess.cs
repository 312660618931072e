using System.Text.RegularExpressions;
using Sgl.TestKit.Serving;

namespace Sgl.Router.Tests;

/// <summary>A router as a process of its own between two scripted peers of its own, so that a test knows which router took a call.</summary>
internal sealed partial class RouterProcess : IAsyncDisposable
{
    private RouterProcess(ServiceProcess process, SmallPeer small, LargePeer large, Match addresses)
    {
        Process = process;
        Small = small;
        Large = large;
        Grpc = new Uri(addresses.Groups["grpc"].Value);
        Metrics = new Uri(addresses.Groups["metrics"].Value);
        Http = new Uri(addresses.Groups["http"].Value);
    }

    public ServiceProcess Process { get; }

    public SmallPeer Small { get; }

    public LargePeer Large { get; }

    public Uri Grpc { get; }

    public Uri Metrics { get; }

    public Uri Http { get; }

    /// <summary>Starts it, and waits until it serves. Every question escalates.</summary>
    public static async Task<RouterProcess> StartAsync()
    {
        var (small, large) = (new SmallPeer { Scores = _ => SmallPeer.Decision(0.1) }, new LargePeer());
        await small.StartAsync();
        await large.StartAsync();
        var process = ServiceProcess.Start(
            "Sgl.Router.dll", "--Listen:Port=0", "--Listen:MetricsPort=0", "--Listen:HttpPort=0", "--Listen:ShutdownDelay=00:00:02", "--Listen:DrainTimeout=00:05:00",
            $"--Router:Small:Address={small.Address}", $"--Router:Large:Address={large.Address}", "--Router:Policy:Draft=false", "--Router:AllowedHosts:0=*");
        var line = await process.LineAsync("listens on");
        await process.LineAsync("is now SERVING");
        return new RouterProcess(process, small, large, Addresses().Match(line));
    }

    public async ValueTask DisposeAsync()
    {
        Process.Dispose();
        await Small.DisposeAsync();
        await Large.DisposeAsync();
    }

    [GeneratedRegex(@"listens on (?<grpc>http\S+[^;\s]); metrics on (?<metrics>http\S+[^;\s]); HTTP on (?<http>http\S+[^;\s])")]
    private static partial Regex Addresses();
}
