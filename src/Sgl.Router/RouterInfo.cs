using System.Reflection;

namespace Sgl.Router;

/// <summary>The router's state, as gRPC and the HTTP API tell it.</summary>
internal static class RouterInfo
{
    private static readonly string Version = typeof(RouterInfo).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

    public static Wire.GetInfoResponse Of(ModelPair models, DefaultPolicy policy) => new()
    {
        Version = Version,
        Small = models.Small.Serving ? models.Small.Info : null,
        Large = models.Large.Serving ? models.Large.Info : null,
        DefaultPolicy = policy.ToWire(),
        PairingProblem = models.PairingProblem,
    };
}
