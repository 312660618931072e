using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using Sgl.TestKit;

namespace Sgl.Hosting.Tests;

public sealed class TlsTests : IDisposable
{
    private const string Server = "1.3.6.1.5.5.7.3.1";
    private const string Client = "1.3.6.1.5.5.7.3.2";

    private readonly TestCertificates _files = new();

    [Fact]
    public async Task Call_TlsPort_ServedOverTls()
    {
        var authority = TestCertificates.Authority("CN=ca");
        _files.Write("server", TestCertificates.Leaf(authority, "CN=localhost"));
        await using var host = await ProbeHost.StartAsync(("Listen:Tls:CertificatePath", _files.Pem("server")), ("Listen:Tls:KeyPath", _files.Key("server")));
        Assert.Equal("https", host.Endpoints.Grpc.Scheme);

        using var channel = Channel(host, authority, null);

        Assert.Equal("fine", (await new Probe.ProbeClient(channel).UnaryAsync(new ProbeRequest { Act = "fine" })).Text);
    }

    [Fact]
    public async Task Call_MutualTls_OnlyClientsOfTheAuthorityAreServed()
    {
        var (authority, stranger) = (TestCertificates.Authority("CN=ca"), TestCertificates.Authority("CN=stranger"));
        _files.Write("server", TestCertificates.Leaf(authority, "CN=localhost"));
        _files.WriteAuthority("ca", authority);
        await using var host = await ProbeHost.StartAsync(
            ("Listen:Tls:CertificatePath", _files.Pem("server")), ("Listen:Tls:KeyPath", _files.Key("server")), ("Listen:Tls:ClientCaPath", _files.Pem("ca")));

        using var good = Channel(host, authority, TestCertificates.Leaf(authority, "CN=client"));
        using var none = Channel(host, authority, null);
        using var bad = Channel(host, authority, TestCertificates.Leaf(stranger, "CN=client"));

        Assert.Equal("fine", (await new Probe.ProbeClient(good).UnaryAsync(new ProbeRequest { Act = "fine" })).Text);
        await Assert.ThrowsAsync<RpcException>(async () => await new Probe.ProbeClient(none).UnaryAsync(new ProbeRequest()));
        await Assert.ThrowsAsync<RpcException>(async () => await new Probe.ProbeClient(bad).UnaryAsync(new ProbeRequest()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(true, Client)]
    [InlineData(true, Server, Client)]
    [InlineData(true, "2.5.29.37.0")]
    [InlineData(false, Server)]
    [InlineData(false, "1.3.6.1.5.5.7.3.3")]
    public async Task Call_MutualTls_CertificateMustBeForClients(bool served, params string[] purposes)
    {
        var authority = TestCertificates.Authority("CN=ca");
        _files.Write("server", TestCertificates.Leaf(authority, "CN=localhost", Server));
        _files.WriteAuthority("ca", authority);
        await using var host = await ProbeHost.StartAsync(
            ("Listen:Tls:CertificatePath", _files.Pem("server")), ("Listen:Tls:KeyPath", _files.Key("server")), ("Listen:Tls:ClientCaPath", _files.Pem("ca")));
        using var channel = Channel(host, authority, TestCertificates.Leaf(authority, "CN=client", purposes));

        var call = async () => await new Probe.ProbeClient(channel).UnaryAsync(new ProbeRequest { Act = "fine" });

        if (served)
        {
            Assert.Equal("fine", (await call()).Text);
        }
        else
        {
            await Assert.ThrowsAsync<RpcException>(call);
        }
    }

    [Fact]
    public async Task Start_OwnCertificateIsForClientsOnly_Refused()
    {
        _files.Write("server", TestCertificates.Leaf(TestCertificates.Authority("CN=ca"), "CN=localhost", Client));
        using var log = new ProbeLog();
        using var output = new StringWriter();

        var code = await ServiceRunner.RunAsync(
            () => ProbeHost.Build(log, null, ("Listen:Tls:CertificatePath", _files.Pem("server")), ("Listen:Tls:KeyPath", _files.Key("server"))), output);

        Assert.Equal(ServiceRunner.BadSettings, code);
        Assert.Contains("is not for servers by its extended key usage", output.ToString(), StringComparison.Ordinal);
    }

    public void Dispose() => _files.Dispose();

    private static GrpcChannel Channel(ProbeHost host, X509Certificate2 authority, X509Certificate2? client)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.Add(authority);
        if (client is not null)
        {
            handler.SslOptions.ClientCertificates = [X509CertificateLoader.LoadPkcs12(client.Export(X509ContentType.Pkcs12), null)];
        }

        return GrpcChannel.ForAddress(host.Endpoints.Grpc, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
    }
}
