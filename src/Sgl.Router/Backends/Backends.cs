using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Sgl.Router;

/// <summary>Both model services.</summary>
internal sealed class Backends(IOptions<RouterOptions> options, HostLookup lookup, RouterMetrics metrics, TimeProvider time, ILoggerFactory logging) : IDisposable
{
    public ReplicaSet Small { get; } = new(
        new ReplicaSetSetup(
            "small", "sgl.v1.SmallService", options.Value.Small,
            async (calls, call) => (await new Wire.SmallService.SmallServiceClient(calls).GetModelInfoAsync(new(), call)).Model),
        options.Value.Ejection, lookup, metrics, time, logging);

    public ReplicaSet Large { get; } = new(
        new ReplicaSetSetup(
            "large", "sgl.v1.LargeService", options.Value.Large,
            async (calls, call) => (await new Wire.LargeService.LargeServiceClient(calls).GetModelInfoAsync(new(), call)).Model),
        options.Value.Ejection, lookup, metrics, time, logging);

    public void Dispose()
    {
        Small.Dispose();
        Large.Dispose();
    }
}
