using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Configuration;
using Microsoft.Extensions.Logging;

namespace Sgl.Router;

/// <summary>Round-robin over connected replicas in which a retry skips the replicas that its hop has tried (<see cref="TriedReplicas"/>).</summary>
/// <remarks>Plain round-robin is shared by all calls of a channel, so under load every attempt of an unlucky request can reach the same bad replica.</remarks>
internal sealed class FreshReplicaBalancer(IChannelControlHelper controller, ILoggerFactory logging) : SubchannelsLoadBalancer(controller, logging)
{
    private const string PolicyName = "sgl_fresh_replica";

    /// <summary>Chooses this balancer.</summary>
    public static LoadBalancingConfig Config => new(PolicyName);

    protected override SubchannelPicker CreatePicker(IReadOnlyList<Subchannel> readySubchannels) => new Picker(readySubchannels);

    internal sealed class Factory : LoadBalancerFactory
    {
        public override string Name => PolicyName;

        public override LoadBalancer Create(LoadBalancerOptions options) => new FreshReplicaBalancer(options.Controller, options.LoggerFactory);
    }

    private sealed class Picker(IReadOnlyList<Subchannel> replicas) : SubchannelPicker
    {
        private uint _next = uint.MaxValue;

        public override PickResult Pick(PickContext context)
        {
            var first = Interlocked.Increment(ref _next);
            var tried = TriedReplicas.Current;
            for (var i = 0u; tried is not null && i < replicas.Count; i++)
            {
                var replica = replicas[(int)((first + i) % replicas.Count)];
                if (replica.CurrentAddress is { } address && tried.TryAdd(address.EndPoint))
                {
                    return PickResult.ForSubchannel(replica);
                }
            }

            return PickResult.ForSubchannel(replicas[(int)(first % replicas.Count)]);
        }
    }
}
