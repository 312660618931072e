using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Sgl.Hosting;

/// <summary>Tells whom a request is from, as far as caches are concerned. The place for authentication to say it.</summary>
public interface ITenants
{
    /// <summary>The tenant of a request.</summary>
    /// <param name="context">The request.</param>
    /// <exception cref="InvalidRequestException">The request names more than one, or one that is no name.</exception>
    Tenant Of(HttpContext context);

    /// <summary>The metadata that tells the next hop; null where there is nothing to tell.</summary>
    /// <param name="tenant">Of the request.</param>
    Metadata.Entry? ToMetadata(Tenant tenant);
}

/// <summary>Whom a request is from.</summary>
/// <param name="Scope">
/// What keeps this tenant's cache entries apart from all others'. Null: tenants are not told apart, and all share. Empty: they are, and the request names
/// none, so that nothing of it is kept or found.
/// </param>
public readonly record struct Tenant(string? Scope)
{
    /// <summary>The claim in which authentication tells whom a request is from; then no header is believed.</summary>
    public const string ClaimType = "sgl:tenant";
}

/// <summary>Believes who was authenticated, else a header, where one is configured.</summary>
internal sealed class HeaderTenants(IOptions<TenantOptions> options) : ITenants
{
    private const int MaxLength = 256;

    // Metadata names are lower case.
    private readonly string? _header = string.IsNullOrEmpty(options.Value.Header) ? null : options.Value.Header.ToLowerInvariant();

    public Tenant Of(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (_header is null)
        {
            return new Tenant(null);
        }

        if (context.User.FindFirst(Tenant.ClaimType) is { } authenticated)
        {
            return new Tenant(authenticated.Value);
        }

        var sent = context.Request.Headers[_header];
        var name = sent.Count == 0 ? string.Empty : sent[0] ?? string.Empty;
        if (sent.Count > 1)
        {
            throw new InvalidRequestException(_header, "is sent more than once");
        }

        return name.Length <= MaxLength && name.All(c => c is > ' ' and <= '~')
            ? new Tenant(name)
            : throw new InvalidRequestException(_header, $"must be at most {MaxLength} printable ASCII characters without blanks");
    }

    public Metadata.Entry? ToMetadata(Tenant tenant) => _header is null || string.IsNullOrEmpty(tenant.Scope) ? null : new Metadata.Entry(_header, tenant.Scope);
}
