using Prometheus;

namespace Sgl.Hosting;

/// <summary>What a service tells the hosting code about itself. Not configuration: fixed by the service's code.</summary>
public sealed record ServiceSetup
{
    /// <summary>Short name, e.g. <c>router</c>: label <c>service</c> of all metrics.</summary>
    public required string Name { get; init; }

    /// <summary>Full gRPC service names that <c>grpc.health.v1</c> answers for, e.g. <c>sgl.v1.RouterService</c>; the empty name is always answered.</summary>
    public required IReadOnlyList<string> HealthNames { get; init; }

    /// <summary>Whether the service offers HTTP endpoints on <see cref="ServiceListenOptions.HttpPort"/>.</summary>
    public bool ServesHttp { get; init; }

    /// <summary>Where metrics are collected. Services of one process may share a registry (the label <c>service</c> keeps them apart) or have one each.</summary>
    /// <value>Default: a registry of its own, with the process metrics.</value>
    public CollectorRegistry? Registry { get; init; }
}
