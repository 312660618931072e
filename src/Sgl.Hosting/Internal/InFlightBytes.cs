using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Internal;

/// <summary>The budget behind <see cref="CallLimits.MaxBytesInFlight"/>.</summary>
internal sealed class InFlightBytes(IOptions<CallLimits> limits, IOptions<ServiceListenOptions> listen)
{
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    // Questions about the service's state must be answered when the budget is spent; what they take is counted all the same.
    private const long Small = 16 << 10;

    // What others may hold beside a request that counts as alone: a few such questions.
    private const long BesideAlone = 4 * Small;

    // The longest request, as it counts: a message, or a JSON body that holds one in base64.
    private readonly long _longest = listen.Value.MaxReceiveMessageBytes * (listen.Value.HttpPort is null ? 1L : 4L);

    private long _used;

    /// <summary>Bytes allowed to all requests together. One request that is alone may have more, up to the longest that there is.</summary>
    public long Limit { get; } = limits.Value.MaxBytesInFlight;

    public long Used => Interlocked.Read(ref _used);

    /// <summary>Takes bytes for a request, or none.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="held">What the same request holds already.</param>
    public bool TryTake(long bytes, long held)
    {
        var after = Interlocked.Add(ref _used, bytes);
        if (after <= Limit || bytes <= Small || (after - bytes - held <= BesideAlone && held + bytes <= _longest))
        {
            return true;
        }

        Interlocked.Add(ref _used, -bytes);
        return false;
    }

    public void Give(long bytes) => Interlocked.Add(ref _used, -bytes);
}
