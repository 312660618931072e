using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;

namespace Sgl.Hosting.Tests;

public sealed class TlsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sgl-tls").FullName;

    [Fact]
    public async Task Call_TlsPort_ServedOverTls()
    {
        var (authority, server) = (Authority("CN=ca"), "server");
        Write(server, Leaf(authority, "CN=localhost"));
        await using var host = await ProbeHost.StartAsync(("Listen:Tls:CertificatePath", Pem(server)), ("Listen:Tls:KeyPath", Key(server)));
        Assert.Equal("https", host.Endpoints.Grpc.Scheme);

        using var channel = Channel(host, authority, null);

        Assert.Equal("fine", (await new Probe.ProbeClient(channel).UnaryAsync(new ProbeRequest { Act = "fine" })).Text);
    }

    [Fact]
    public async Task Call_MutualTls_OnlyClientsOfTheAuthorityAreServed()
    {
        var (authority, stranger) = (Authority("CN=ca"), Authority("CN=stranger"));
        Write("server", Leaf(authority, "CN=localhost"));
        await File.WriteAllTextAsync(Pem("ca"), authority.ExportCertificatePem());
        await using var host = await ProbeHost.StartAsync(
            ("Listen:Tls:CertificatePath", Pem("server")), ("Listen:Tls:KeyPath", Key("server")), ("Listen:Tls:ClientCaPath", Pem("ca")));

        using var good = Channel(host, authority, Leaf(authority, "CN=client"));
        using var none = Channel(host, authority, null);
        using var bad = Channel(host, authority, Leaf(stranger, "CN=client"));

        Assert.Equal("fine", (await new Probe.ProbeClient(good).UnaryAsync(new ProbeRequest { Act = "fine" })).Text);
        await Assert.ThrowsAsync<RpcException>(async () => await new Probe.ProbeClient(none).UnaryAsync(new ProbeRequest()));
        await Assert.ThrowsAsync<RpcException>(async () => await new Probe.ProbeClient(bad).UnaryAsync(new ProbeRequest()));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

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

    private static X509Certificate2 Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
    }

    private static X509Certificate2 Leaf(X509Certificate2 authority, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var signed = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(20), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    private void Write(string name, X509Certificate2 certificate)
    {
        File.WriteAllText(Pem(name), certificate.ExportCertificatePem());
        File.WriteAllText(Key(name), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    private string Pem(string name) => Path.Combine(_folder, $"{name}.pem");

    private string Key(string name) => Path.Combine(_folder, $"{name}.key");
}
