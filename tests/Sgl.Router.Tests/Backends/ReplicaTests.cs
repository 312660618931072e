using Grpc.Core;
using Sgl.Hosting;
using Sgl.Hosting.Tests;
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
}
