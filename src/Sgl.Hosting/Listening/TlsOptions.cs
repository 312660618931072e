namespace Sgl.Hosting;

/// <summary>TLS of the service port. Without <see cref="CertificatePath"/> the port speaks h2c, for use inside a mesh.</summary>
public sealed class TlsOptions
{
    /// <summary>PEM file with the certificate chain, leaf first.</summary>
    public string? CertificatePath { get; set; }

    /// <summary>PEM file with the private key, unencrypted.</summary>
    public string? KeyPath { get; set; }

    /// <summary>PEM file with the authorities that sign client certificates; set, clients must present one (mTLS).</summary>
    public string? ClientCaPath { get; set; }
}
