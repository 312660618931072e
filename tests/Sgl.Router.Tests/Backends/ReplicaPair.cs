namespace Sgl.Router.Tests;

/// <summary>Two replicas of one model behind lines that can break, and a router in front.</summary>
internal sealed class ReplicaPair : IAsyncDisposable
{
    private ReplicaPair(IReadOnlyList<Peer> peers, IReadOnlyList<Line> lines) => (Peers, Lines) = (peers, lines);

    public IReadOnlyList<Peer> Peers { get; }

    public IReadOnlyList<Line> Lines { get; }

    public Trio Trio { get; private set; } = null!;

    /// <summary>Starts the replicas, lets <paramref name="before"/> happen to them, and starts the router without waiting.</summary>
    /// <param name="model"><c>small</c> or <c>large</c>.</param>
    /// <param name="before">Null: nothing.</param>
    /// <param name="settings">Of the router.</param>
    public static async Task<ReplicaPair> StartAsync(string model, Action<ReplicaPair>? before, params (string Key, string Value)[] settings)
    {
        Peer[] peers = model == "small" ? [Escalating(), Escalating()] : [new LargePeer(), new LargePeer()];
        foreach (var peer in peers)
        {
            await peer.StartAsync();
        }

        var pair = new ReplicaPair(peers, [.. peers.Select(p => new Line(p.Port))]);
        before?.Invoke(pair);
        pair.Trio = await Trio.StartWithoutWaitingAsync(
            (small, _) => small.Scores = _ => SmallPeer.Decision(0.1),
            startLarge: true,
            [
                ($"Router:{(model == "small" ? "Small" : "Large")}:Address", string.Join(',', pair.Lines.Select(l => l.Address))),
                ($"Router:{(model == "small" ? "Small" : "Large")}:FirstResponseTimeout", "00:00:01"),
                ("Router:ProbeTimeout", "00:00:01"),
                ("Router:Ejection:BaseTime", "00:00:00.300"),
                ("Router:Ejection:MaxTime", "00:00:01"),
                .. settings,
            ]);
        return pair;
    }

    /// <summary>Waits until the router serves and knows both models.</summary>
    public async Task ServingAsync()
    {
        await Trio.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromSeconds(30));
        await Trio.UntilAsync(async () => await Trio.Client.GetInfoAsync(new()) is { Small: not null, Large: not null });
    }

    /// <summary>Waits until a replica is given calls, or not any more.</summary>
    public Task UntilPickedAsync(int replica, bool picked) =>
        Trio.UntilAsync(async () => await Trio.MetricAsync("sgl_router_replica_serving", $"replica=\"127.0.0.1:{Lines[replica].Port}\"") == (picked ? 1 : 0));

    public async ValueTask DisposeAsync()
    {
        await Trio.DisposeAsync();
        foreach (var line in Lines)
        {
            await line.DisposeAsync();
        }

        foreach (var peer in Peers)
        {
            await peer.DisposeAsync();
        }
    }

    private static SmallPeer Escalating() => new() { Scores = _ => SmallPeer.Decision(0.1) };
}
