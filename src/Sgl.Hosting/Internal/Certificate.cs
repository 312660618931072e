using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Sgl.Hosting.Internal;

/// <summary>Reads PEM files into what Kestrel's TLS needs.</summary>
internal static class Certificate
{
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    public const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private const string AnyPurpose = "2.5.29.37.0";

    public static X509Certificate2 Load(string certificatePath, string keyPath)
    {
        using var pem = X509Certificate2.CreateFromPemFile(certificatePath, keyPath);

        // Windows' TLS cannot use the ephemeral key that PEM loading makes; the round trip is harmless elsewhere.
        return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
    }

    public static Authorities LoadAuthorities(string path)
    {
        var all = new X509Certificate2Collection();
        all.ImportFromPemFile(path);
        return all.Count > 0 ? new Authorities(all) : throw new CryptographicException("the file holds no certificate");
    }

    /// <summary>
    /// Whether the purposes that a certificate names, where it names any, include this one: a leaf for servers only does not identify a client, nor does
    /// what an authority for servers only has signed.
    /// </summary>
    public static bool IsFor(X509Certificate2 certificate, string purpose)
    {
        var extensions = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().ToList();
        return extensions.Count == 0 || extensions.SelectMany(e => e.EnhancedKeyUsages.OfType<Oid>()).Any(o => o.Value == purpose || o.Value == AnyPurpose);
    }

    public static void Configure(HttpsConnectionAdapterOptions https, TlsOptions tls)
    {
        https.ServerCertificate = Load(tls.CertificatePath!, tls.KeyPath!);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(tls.CertificatePath!);
        https.ServerCertificateChain = chain;
        if (string.IsNullOrEmpty(tls.ClientCaPath))
        {
            return;
        }

        var authorities = LoadAuthorities(tls.ClientCaPath);
        https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
        https.ClientCertificateValidation = (certificate, _, _) => authorities.Signed(certificate);
    }

    internal sealed class Authorities(X509Certificate2Collection roots) : IDisposable
    {
        public bool Signed(X509Certificate2 certificate)
        {
            using var chain = new X509Chain();
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(roots);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            return chain.Build(certificate) && chain.ChainElements.Take(Math.Max(1, chain.ChainElements.Count - 1)).All(e => IsFor(e.Certificate, ClientAuthentication));
        }

        public void Dispose()
        {
            foreach (var root in roots)
            {
                root.Dispose();
            }
        }
    }
}
