using System.Security.Claims;
using Microsoft.AspNetCore.Http;
using Sgl.Access.Internal;

namespace Sgl.Access;

/// <summary>Who makes a request, as far as that is known; and what is counted for them.</summary>
public sealed class Caller
{
    internal const string AutoRoute = "auto";

    private readonly AccessMetrics _metrics;

    internal Caller(string name, string label, string tenant, CallerOptions options, Account account, AccessMetrics metrics)
    {
        (Name, Label, Tenant, Account, _metrics) = (name, label, tenant, account, metrics);
        (Routes, Policies) = ([.. options.Routes ?? []], [.. options.Policies ?? []]);
    }

    /// <summary>Name for logs and traces: that of the key, or <c>jwt:</c> and the token's subject.</summary>
    public string Name { get; }

    /// <summary>Value of the label <c>key</c> of metrics: the key's name, or one value for all tokens.</summary>
    public string Label { get; }

    /// <summary>Whose cache entries the caller shares.</summary>
    public string Tenant { get; }

    /// <summary>Routes the caller may take; empty: all.</summary>
    public IReadOnlyList<string> Routes { get; }

    /// <summary>Policies the caller may name; empty: all, and its own.</summary>
    public IReadOnlyList<string> Policies { get; }

    internal Account Account { get; }

    /// <summary>The caller of a request; null where nobody is asked who they are.</summary>
    public static Caller? Of(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return (context.User.Identity as CallerIdentity)?.Caller;
    }

    /// <summary>Whether the caller may take a route.</summary>
    /// <param name="route"><c>auto</c>, <c>small</c> or <c>large</c>.</param>
    public bool MayTake(string route) => Routes.Count == 0 || Routes.Contains(route, StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether requests may bring thresholds and prune points of their own.</summary>
    public bool MayBringPolicies => Policies.Count == 0;

    /// <summary>Whether the caller may name a policy.</summary>
    public bool MayName(string policy) => Policies.Count == 0 || Policies.Contains(policy, StringComparer.Ordinal);

    /// <summary>Counts tokens that a request of this caller took, answered or not.</summary>
    public void Spend(long tokens)
    {
        if (tokens > 0)
        {
            Account.Spend(tokens);
            _metrics.CountTokens(Label, tokens);
        }
    }

    /// <summary>Counts a request that was refused because the caller may not make it.</summary>
    public void CountForbidden() => _metrics.CountRefused(Label, Refusals.Forbidden);

    internal ClaimsPrincipal ToPrincipal(string scheme) => new(new CallerIdentity(this, scheme));

    private sealed class CallerIdentity : ClaimsIdentity
    {
        public CallerIdentity(Caller caller, string scheme)
            : base([new Claim(DefaultNameClaimType, caller.Name), new Claim(Hosting.Tenant.ClaimType, caller.Tenant)], scheme) => Caller = caller;

        public Caller Caller { get; }
    }
}
