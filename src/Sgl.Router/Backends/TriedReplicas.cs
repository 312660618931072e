using System.Net;

namespace Sgl.Router;

/// <summary>The replicas that the attempts of one hop were sent to, so that a retry goes to another one. Flows with the asynchronous call.</summary>
internal sealed class TriedReplicas
{
    private static readonly AsyncLocal<TriedReplicas?> Flowing = new();

    private readonly Lock _gate = new();
    private readonly HashSet<DnsEndPoint> _addresses = [];

    /// <summary>Of the hop under way; null for calls that are never retried, such as health probes.</summary>
    public static TriedReplicas? Current => Flowing.Value;

    /// <summary>Begins a hop. Ends with the asynchronous method that calls it.</summary>
    public static void Begin() => Flowing.Value = new TriedReplicas();

    /// <summary>Notes an address.</summary>
    /// <returns>False where an attempt went there already.</returns>
    public bool TryAdd(DnsEndPoint address)
    {
        lock (_gate)
        {
            return _addresses.Add(address);
        }
    }
}
