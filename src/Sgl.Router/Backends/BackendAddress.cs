namespace Sgl.Router;

/// <summary>A parsed <see cref="BackendOptions.Address"/>.</summary>
/// <param name="Replicas">The replicas of a list, each once; empty for a name.</param>
/// <param name="Name">Scheme, host and port of a <c>dns:///</c> name, each of whose addresses is a replica; null for a list.</param>
internal sealed record BackendAddress(IReadOnlyList<Uri> Replicas, Uri? Name)
{
    /// <summary>Parses the setting.</summary>
    /// <returns>What is wrong, or null.</returns>
    public static string? TryParse(string text, bool tls, out BackendAddress? address)
    {
        address = null;
        var parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0)
        {
            return "it is empty";
        }

        if (parts.Any(p => p.StartsWith("dns:", StringComparison.OrdinalIgnoreCase)))
        {
            if (parts.Length > 1)
            {
                return "a dns:/// address stands alone";
            }

            if (!Uri.TryCreate(parts[0], UriKind.Absolute, out var name) || name.Host.Length > 0
                || !Uri.TryCreate($"http:/{name.AbsolutePath}", UriKind.Absolute, out var host) || host.AbsolutePath != "/" || host.IsDefaultPort)
            {
                return "it is not of the form dns:///host:port";
            }

            address = new BackendAddress([], new Uri($"{(tls ? "https" : "http")}://{host.Authority}"));
            return null;
        }

        var replicas = new List<Uri>();
        foreach (var part in parts)
        {
            if (!Uri.TryCreate(part, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.PathAndQuery != "/")
            {
                return $"'{part}' is not of the form http://host:port";
            }

            replicas.Add(uri);
        }

        if (replicas.Select(r => r.Scheme).Distinct().Count() > 1)
        {
            return "http and https are mixed";
        }

        address = new BackendAddress([.. replicas.DistinctBy(r => r.Authority)], null);
        return null;
    }
}
