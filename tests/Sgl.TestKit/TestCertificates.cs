using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Sgl.TestKit;

/// <summary>Certificates made on the spot, as PEM files in a folder of their own.</summary>
public sealed class TestCertificates : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sgl-tls").FullName;

    public static X509Certificate2 Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
    }

    /// <param name="authority">Who signs.</param>
    /// <param name="name">Subject.</param>
    /// <param name="purposes">Extended key usages; none: no such extension.</param>
    public static X509Certificate2 Leaf(X509Certificate2 authority, string name, params string[] purposes)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        if (purposes.Length > 0)
        {
            var usages = new OidCollection();
            Array.ForEach(purposes, p => usages.Add(new Oid(p)));
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(usages, critical: false));
        }

        using var signed = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(20), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    public void Write(string name, X509Certificate2 certificate)
    {
        File.WriteAllText(Pem(name), certificate.ExportCertificatePem());
        File.WriteAllText(Key(name), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    public void WriteAuthority(string name, X509Certificate2 certificate) => File.WriteAllText(Pem(name), certificate.ExportCertificatePem());

    public string Pem(string name) => Path.Combine(_folder, $"{name}.pem");

    public string Key(string name) => Path.Combine(_folder, $"{name}.key");

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
