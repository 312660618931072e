using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Sgl.Hosting.Internal;

/// <summary>Reads PEM files into what Kestrel's TLS needs.</summary>
internal static class Certificate
{
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
            return chain.Build(certificate);
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
