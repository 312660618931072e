using Microsoft.Extensions.Options;

namespace Sgl.Router;

/// <summary>The policies from the settings.</summary>
internal sealed class RouterPolicies
{
    private readonly Dictionary<string, ConfiguredPolicy> _byName;

    public RouterPolicies(IOptions<RouterOptions> options)
    {
        Default = ConfiguredPolicy.Default(options.Value);
        All = [Default, .. options.Value.Policies.Select((p, i) => Default.With(p, i, options.Value.Policy)).OrderBy(p => p.Name, StringComparer.Ordinal)];
        _byName = All.ToDictionary(p => p.Name, StringComparer.Ordinal);
    }

    /// <summary>The one for requests that name none.</summary>
    public ConfiguredPolicy Default { get; }

    /// <summary>The default one first, then by name.</summary>
    public IReadOnlyList<ConfiguredPolicy> All { get; }

    /// <summary>The one that is called so, the default one for no name; null: there is none.</summary>
    public ConfiguredPolicy? Find(string? name) => string.IsNullOrEmpty(name) ? Default : _byName.GetValueOrDefault(name);

    /// <summary>What a policy of a request says about the route, its name included.</summary>
    public Wire.Route Route(Wire.RoutingPolicy? policy) =>
        policy is null ? Default.Force : policy.Force != Wire.Route.Unspecified ? policy.Force : Find(policy.Name)?.Force ?? Wire.Route.Unspecified;

    /// <summary>As a message.</summary>
    public Wire.ListPoliciesResponse ToWire() => new()
    {
        Policies = { All.Select(p => new Wire.NamedPolicy { Name = p.Name, Description = p.Description, Policy = p.ToWire() }) },
    };
}
