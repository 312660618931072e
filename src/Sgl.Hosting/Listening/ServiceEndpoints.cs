using System.Net;

namespace Sgl.Hosting;

/// <summary>Where a started host really listens: the chosen port where the setting says 0.</summary>
public sealed class ServiceEndpoints
{
    private Func<IPEndPoint?>? _grpc;
    private Func<IPEndPoint?>? _metrics;
    private Func<IPEndPoint?>? _http;
    private string _scheme = "http";

    /// <summary>gRPC address, e.g. <c>http://127.0.0.1:5102</c>.</summary>
    /// <exception cref="InvalidOperationException">The host has not started.</exception>
    public Uri Grpc => Address(_scheme, _grpc) ?? throw new InvalidOperationException("The host has not started.");

    /// <summary>Address of <c>/metrics</c>, <c>/healthz</c>, <c>/readyz</c>; null where the port is off.</summary>
    public Uri? Metrics => Address("http", _metrics);

    /// <summary>Address of the HTTP API; null where the port is off.</summary>
    public Uri? Http => Address(_scheme, _http);

    /// <summary>Whether a local port is that of the HTTP API.</summary>
    public bool IsHttpPort(int port) => _http?.Invoke()?.Port == port;

    internal void Bind(string scheme, Func<IPEndPoint?> grpc, Func<IPEndPoint?>? metrics, Func<IPEndPoint?>? http) =>
        (_scheme, _grpc, _metrics, _http) = (scheme, grpc, metrics, http);

    internal bool IsMetricsPort(int port) => _metrics?.Invoke()?.Port == port;

    private static Uri? Address(string scheme, Func<IPEndPoint?>? endpoint)
    {
        if (endpoint?.Invoke() is not { } at)
        {
            return null;
        }

        // An address of "all" is nothing a client can connect to.
        var host = at.Address.Equals(IPAddress.Any) || at.Address.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback : at.Address;
        return new UriBuilder(scheme, host.ToString(), at.Port).Uri;
    }
}
