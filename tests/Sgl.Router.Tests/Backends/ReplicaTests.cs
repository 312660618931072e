using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Sgl.Hosting;
using Sgl.TestKit;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class ReplicaTests
{
    [Fact]
    public async Task Answer_TwoSmallReplicas_CallsAreSpreadAndOneMayGo()
    {
        await using var second = new SmallPeer();
        await second.StartAsync();
        await using var first = new SmallPeer();
        await first.StartAsync();
        await using var trio = await Trio.StartAsync(("Router:Small:Address", $"{first.Address}, {second.Address}"));

        for (var i = 0; i < 20; i++)
        {
            await trio.AnswerAsync();
        }

        Assert.Equal(20, first.Calls + second.Calls);
        Assert.InRange(first.Calls, 8, 12);

        await first.StopAsync();
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
        }

        Assert.InRange(second.Calls, 25, 40);
        Assert.True(trio.Health.IsServing);
    }

    [Fact]
    public async Task Answer_ManyAtOnceAndOneReplicaRefuses_TheOneRetryGoesToTheOther()
    {
        await using var loading = new SmallPeer();
        await loading.StartAsync();
        for (var i = 0; i < 200; i++)
        {
            loading.Failures.Enqueue(Faults.Unavailable("loading", TimeSpan.FromSeconds(1)).ToRpcException());
        }

        await using var ready = new SmallPeer();
        await ready.StartAsync();
        await using var trio = await Trio.StartAsync(
            ("Router:Small:Address", $"{loading.Address},{ready.Address}"), ("Router:Retry:MaxAttempts", "2"),
            ("Router:Retry:BudgetBurst", "100"), ("Router:Retry:InitialBackoff", "00:00:00.002"));

        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => trio.AnswerAsync()));

        Assert.All(answers, a => Assert.Equal(Wire.AnswerPath.Exit, a.Path));
        Assert.Equal(40, ready.Calls);
        Assert.True(loading.Calls > 0);
    }

    [Fact]
    public async Task Answer_AddressIsAName_ItIsResolved()
    {
        await using var small = new SmallPeer();
        await small.StartAsync();
        await using var trio = await Trio.StartAsync(("Router:Small:Address", $"dns:///localhost:{small.Port}"));

        await trio.AnswerAsync();

        Assert.Equal(1, small.Calls);
    }

    [Fact]
    public async Task Answer_NameHasSeveralAddressesThatChange_CallsFollow()
    {
        var addresses = new[] { "127.0.0.1", "127.0.0.2", "127.0.0.3" };
        var peers = new List<SmallPeer>();
        foreach (var address in addresses)
        {
            var peer = new SmallPeer { Host = address, Port = peers.Count > 0 ? peers[0].Port : 0 };
            await peer.StartAsync();
            peers.Add(peer);
        }

        IPAddress[] known = [IPAddress.Parse(addresses[0]), IPAddress.Parse(addresses[1]), IPAddress.Parse(addresses[1])];
        HostLookup lookup = (host, _) =>
        {
            Assert.Equal("models.internal", host);
            return known.Length > 0 ? Task.FromResult(known) : throw new SocketException((int)SocketError.TryAgain);
        };
        await using var trio = await Trio.StartWithoutWaitingAsync(
            null, true, lookup, ("Router:Small:Address", $"dns:///models.internal:{peers[0].Port}"), ("Router:Small:DnsRefresh", "00:00:01"));
        await trio.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromSeconds(20));
        await CallsAsync(5, 5, 0);

        known = [IPAddress.Parse(addresses[1]), IPAddress.Parse(addresses[2])];
        await trio.UntilAsync(async () => await Serving(2) == 1 && await Serving(0) == 0);
        await CallsAsync(5, 10, 5);

        // A name server that fails for a while is no reason to forget the replicas.
        known = [];
        await Task.Delay(TimeSpan.FromSeconds(2.5));
        await CallsAsync(5, 15, 10);
        Assert.DoesNotContain($"replica=\"{addresses[0]}:{peers[0].Port}\"", await trio.Http.GetStringAsync(new Uri(trio.Endpoints.Metrics!, "/metrics")), StringComparison.Ordinal);
        foreach (var peer in peers)
        {
            await peer.DisposeAsync();
        }

        Task<double> Serving(int i) => trio.MetricAsync("sgl_router_replica_serving", $"replica=\"{addresses[i]}:{peers[0].Port}\"");

        async Task CallsAsync(params int[] expected)
        {
            for (var i = 0; i < 10; i++)
            {
                Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
            }

            Assert.Equal(expected, peers.Select(p => p.Calls));
        }
    }

    [Fact]
    public async Task Start_NameIsUnknown_NotServingWithTheNameAndServesOnceItIsKnown()
    {
        await using var small = new SmallPeer();
        await small.StartAsync();
        var known = false;
        HostLookup lookup = (_, _) => known ? Task.FromResult<IPAddress[]>([IPAddress.Loopback]) : throw new SocketException((int)SocketError.HostNotFound);
        await using var trio = await Trio.StartWithoutWaitingAsync(null, true, lookup, ("Router:Small:Address", $"dns:///models.internal:{small.Port}"));

        await trio.UntilAsync(() => Task.FromResult(trio.Health.Reason.Contains("models.internal cannot be looked up", StringComparison.Ordinal)));
        known = true;

        await trio.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Start_AddressNamedTwice_IsOneReplica()
    {
        await using var small = new SmallPeer();
        await small.StartAsync();
        await using var trio = await Trio.StartAsync(("Router:Small:Address", $"{small.Address}, {small.Address}/"));

        // MetricAsync allows one series only.
        Assert.Equal(1, await trio.MetricAsync("sgl_router_replica_serving", "backend=\"small\""));
    }

    [Fact]
    public async Task Start_ReplicasOfUnlikeModels_TheOddOneIsRefusedByNameInLogMetricAndHealth()
    {
        await using var first = new LargePeer { Info = Large("tuned", "peer/16") };
        await using var second = new LargePeer();
        await using var third = new LargePeer();
        foreach (var peer in new[] { first, second, third })
        {
            await peer.StartAsync();
        }

        using var log = new CollectedLog();
        await using var trio = await Trio.StartWithoutWaitingAsync(
            (small, _) => small.Scores = _ => SmallPeer.Decision(0.1), true, log, ("Router:Large:Address", $"{first.Address},{second.Address},{third.Address}"));
        await trio.UntilAsync(() => Task.FromResult(trio.Health.Note.Length > 0));

        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("large-peer", (await trio.AnswerAsync()).Large.Model);
        }

        Assert.Equal(0, first.Calls);
        Assert.Equal(1, await trio.MetricAsync("sgl_router_replica_refused", $"replica=\"127.0.0.1:{first.Port}\""));
        Assert.Equal(0, await trio.MetricAsync("sgl_router_replica_refused", $"replica=\"127.0.0.1:{second.Port}\""));
        var told = $"it serves another model at 127.0.0.1:{first.Port}: name 'tuned' instead of 'large-peer'";
        Assert.Contains(log.Lines, l => l.Contains($"Replica 127.0.0.1:{first.Port} of the large model is refused: it serves tuned, not large-peer", StringComparison.Ordinal));
        Assert.Equal($"serving\na replica of the large model is not used: {told}\n", await trio.Http.GetStringAsync(new Uri(trio.Endpoints.Metrics!, "/readyz")));
    }

    [Theory]
    [InlineData("aa", "aa", 0)]
    [InlineData("aa", "", 0)]
    [InlineData("aa", "bb", 1)]
    public async Task Start_ReplicasOfOneNameWithOtherWeights_AreToldApart(string here, string there, int refused)
    {
        await using var first = new LargePeer { Info = Large("large", "peer/16") };
        await using var second = new LargePeer { Info = Large("large", "peer/16") };
        (first.Info.WeightsDigest, second.Info.WeightsDigest) = (here, there);
        await first.StartAsync();
        await second.StartAsync();
        await using var trio = await Trio.StartAsync(("Router:Large:Address", $"{first.Address},{second.Address}"));

        await trio.UntilAsync(async () =>
            await trio.MetricAsync("sgl_router_replica_serving", $"replica=\"127.0.0.1:{first.Port}\"") == 1
            && await trio.MetricAsync("sgl_router_replica_refused", $"replica=\"127.0.0.1:{second.Port}\"") == refused
            && await trio.MetricAsync("sgl_router_replica_serving", $"replica=\"127.0.0.1:{second.Port}\"") == 1 - refused);
        Assert.Equal(refused == 1, trio.Health.Note.Contains("weights_digest 'bb' instead of 'aa'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Answer_OnlyReplicaOfTheModelDies_AnotherModelDoesNotTakeItsPlace()
    {
        await using var tuned = new LargePeer { Info = Large("tuned", "peer/16") };
        await using var large = new LargePeer();
        await tuned.StartAsync();
        await large.StartAsync();
        await using var trio = await Trio.StartAsync(
            (small, _) => small.Scores = _ => SmallPeer.Decision(0.1), ("Router:Large:Address", $"{large.Address},{tuned.Address}"));
        Assert.Equal("large-peer", (await trio.AnswerAsync()).Large.Model);

        await large.StopAsync();
        await trio.UntilAsync(async () => (await trio.Client.GetInfoAsync(new())).Large is null);
        Assert.Equal(Wire.RoutingReason.LargeUnavailable, (await trio.AnswerAsync()).Reason);
        Assert.Equal(0, tuned.Calls);

        // Where the replica itself comes back with the other model, that is an upgrade.
        large.Info = Large("tuned", "peer/16");
        await large.StartAsync();
        await trio.UntilAsync(async () => (await trio.Client.GetInfoAsync(new())).Large is { Name: "tuned" });
        Assert.Equal("tuned", (await trio.AnswerAsync()).Large.Model);
    }

    [Fact]
    public async Task GetInfo_ReplicasWithOtherLimits_TheTightestCount()
    {
        await using var one = new SmallPeer();
        await using var other = new SmallPeer();
        (one.Info.MaxImageCount, other.Info.MaxImageCount, one.Info.MaxNewTokens, other.Info.MaxNewTokens) = (2, 4, 100, 50);
        await one.StartAsync();
        await other.StartAsync();
        await using var trio = await Trio.StartAsync(("Router:Small:Address", $"{one.Address},{other.Address}"));

        await trio.UntilAsync(async () => (await trio.Client.GetInfoAsync(new())).Small is { MaxImageCount: 2, MaxNewTokens: 50 });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Answer_SmallSpeaksMutualTls_ServedWithACertificateOfItsAuthorityOnly(bool trusted)
    {
        using var files = new TestCertificates();
        var (authority, other) = (TestCertificates.Authority("CN=ca"), TestCertificates.Authority("CN=other"));
        files.WriteAuthority("ca", authority);
        files.Write("server", TestCertificates.Leaf(authority, "CN=small"));
        files.Write("client", TestCertificates.Leaf(trusted ? authority : other, "CN=router"));
        await using var small = new SmallPeer
        {
            Tls = new Dictionary<string, string?>
            {
                ["Listen:Tls:CertificatePath"] = files.Pem("server"),
                ["Listen:Tls:KeyPath"] = files.Key("server"),
                ["Listen:Tls:ClientCaPath"] = files.Pem("ca"),
            },
        };
        await small.StartAsync();
        await using var trio = await Trio.StartWithoutWaitingAsync(
            null, true, ("Router:Small:Address", small.Address), ("Router:Small:Tls:CaPath", files.Pem("ca")),
            ("Router:Small:Tls:CertificatePath", files.Pem("client")), ("Router:Small:Tls:KeyPath", files.Key("client")));

        if (trusted)
        {
            await trio.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromSeconds(20));
            Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
        }
        else
        {
            await trio.UntilAsync(() => Task.FromResult(trio.Health.Reason.Contains("the small model does not serve", StringComparison.Ordinal)));
            Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => trio.AnswerAsync())).StatusCode);
        }
    }

    private static Wire.ModelInfo Large(string name, string layout) =>
        new() { Name = name, Family = "peer", LayerCount = 10, VisualLayoutKey = layout, MaxNewTokens = 200, PruneLayers = { 0, 1, 2, 4 } };
}
