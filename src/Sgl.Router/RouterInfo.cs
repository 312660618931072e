using System.Reflection;

namespace Sgl.Router;

/// <summary>The router's state, as gRPC and the HTTP API tell it.</summary>
internal static class RouterInfo
{
    /// <summary>Version of the router.</summary>
    public static readonly string Version = typeof(RouterInfo).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

    public static Wire.GetInfoResponse Of(ModelPair models, RouterPolicies policies) => new()
    {
        Version = Version,
        Small = models.Small.Serving ? models.Small.Info : null,
        Large = models.Large.Serving ? models.Large.Info : null,
        DefaultPolicy = policies.Default.ToWire(),
        PairingProblem = models.PairingProblem,
    };
}
