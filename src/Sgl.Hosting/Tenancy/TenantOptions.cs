using Microsoft.Extensions.Options;

namespace Sgl.Hosting;

/// <summary>
/// Whether caches are kept apart by tenant, so that nobody learns from a count or from timing what somebody else asked about. Configuration section
/// <c>Tenants</c>; the router and the services behind it need the same setting.
/// </summary>
public sealed class TenantOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string SectionName = "Tenants";

    /// <summary>
    /// Name of the request header (gRPC metadata) that tells the tenant, e.g. <c>x-sgl-tenant</c>. It is believed, so whatever stands in front of the
    /// service must set it, or strip what clients send. Requests without it use no cache.
    /// </summary>
    /// <value>Default none: the header of no request is believed, and all share the caches.</value>
    public string? Header { get; set; }
}

/// <summary>Checks <see cref="TenantOptions"/>.</summary>
public sealed class TenantOptionsValidator : IValidateOptions<TenantOptions>
{
    private const int MaxLength = 64;

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, TenantOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var errors = new SettingErrors(TenantOptions.SectionName);
        var header = options.Header ?? string.Empty;
        errors.Require(
            header.Length <= MaxLength && header.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'),
            nameof(options.Header), "is not the name of a header", "use letters, digits, '-', '_' and '.'");
        errors.Require(
            !header.StartsWith("grpc-", StringComparison.OrdinalIgnoreCase)
                && !header.EndsWith("-bin", StringComparison.OrdinalIgnoreCase)
                && !header.Equals(RequestIds.Header, StringComparison.OrdinalIgnoreCase),
            nameof(options.Header), $"is '{header}', which has a meaning of its own", "use another name, e.g. x-sgl-tenant");
        return errors.ToResult();
    }
}
