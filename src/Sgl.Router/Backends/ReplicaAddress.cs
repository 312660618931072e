using System.Net;

namespace Sgl.Router;

/// <summary>Where one replica is.</summary>
/// <param name="Service">Scheme, host and port as configured; the host is what TLS checks the certificate against.</param>
/// <param name="Endpoint">One of the addresses that the host resolves to; null: whatever the host resolves to when a connection is made.</param>
internal sealed record ReplicaAddress(Uri Service, IPEndPoint? Endpoint)
{
    /// <summary>For log, metrics and health text, e.g. <c>10.0.0.3:5102</c>.</summary>
    public string Label => Endpoint?.ToString() ?? $"{Service.Host}:{Service.Port}";
}
