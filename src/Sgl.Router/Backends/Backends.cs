using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Sgl.Router;

/// <summary>One model service as the router sees it.</summary>
internal sealed class Backend(string name, string serviceName, BackendOptions options, GrpcChannel channel) : IDisposable
{
    // A name may stand for any number of replicas; this many are asked before it counts as down.
    private const int AssumedReplicas = 3;

    public string Name => name;

    public string ServiceName => serviceName;

    public string Address => options.Address;

    public TimeSpan Timeout => options.Timeout;

    public GrpcChannel Channel => channel;

    public Grpc.Health.V1.Health.HealthClient Health { get; } = new(channel);

    public int ReplicaCount { get; } =
        BackendAddress.TryParse(options.Address, options.Tls.Enabled, out var address) is null && address!.Replicas.Count > 0 ? address.Replicas.Count : AssumedReplicas;

    public void Dispose() => channel.Dispose();
}

/// <summary>Both model services.</summary>
internal sealed class Backends : IDisposable
{
    public Backends(IOptions<RouterOptions> options, ILoggerFactory logging)
    {
        Small = Open("small", "sgl.v1.SmallService", options.Value.Small, logging);
        Large = Open("large", "sgl.v1.LargeService", options.Value.Large, logging);
        SmallClient = new(Small.Channel);
        LargeClient = new(Large.Channel);
    }

    public Backend Small { get; }

    public Backend Large { get; }

    public Wire.SmallService.SmallServiceClient SmallClient { get; }

    public Wire.LargeService.LargeServiceClient LargeClient { get; }

    public void Dispose()
    {
        Small.Dispose();
        Large.Dispose();
    }

    private static Backend Open(string name, string service, BackendOptions options, ILoggerFactory logging) =>
        new(name, service, options, BackendChannel.Open(options, logging));
}
