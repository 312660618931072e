using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Internal;

/// <summary>The budget behind <see cref="CallLimits.MaxBytesInFlight"/>.</summary>
internal sealed class InFlightBytes(IOptions<CallLimits> limits, IOptions<ServiceListenOptions> listen)
{
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    // Questions about the service's state must be answered when the budget is spent; what they take is counted all the same.
    private const long Small = 16 << 10;

    private long _used;

    /// <summary>Bytes allowed: the setting, or the longest single request where that is more.</summary>
    public long Limit { get; } = Math.Max(limits.Value.MaxBytesInFlight, listen.Value.MaxReceiveMessageBytes * (listen.Value.HttpPort is null ? 1L : 4L));

    public long Used => Interlocked.Read(ref _used);

    public bool TryTake(long bytes)
    {
        var after = Interlocked.Add(ref _used, bytes);
        if (after <= Limit || bytes <= Small)
        {
            return true;
        }

        Interlocked.Add(ref _used, -bytes);
        return false;
    }

    public void Give(long bytes) => Interlocked.Add(ref _used, -bytes);
}
