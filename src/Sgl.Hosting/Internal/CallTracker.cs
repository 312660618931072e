using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Internal;

/// <summary>Knows the calls in flight and cancels them when they last too long or the drain is over.</summary>
internal sealed class CallTracker(IOptions<CallLimits> limits, TimeProvider time) : IDisposable
{
    private readonly CancellationTokenSource _over = new();
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public bool DrainIsOver => _over.IsCancellationRequested;

    public Scope Enter(CancellationToken caller)
    {
        Interlocked.Increment(ref _count);
        var longest = new CancellationTokenSource(limits.Value.MaxDuration, time);
        var deadline = time.GetUtcNow() + limits.Value.MaxDuration;
        return new Scope(this, CancellationTokenSource.CreateLinkedTokenSource(caller, _over.Token, longest.Token), longest, deadline);
    }

    public void EndDrain()
    {
        try
        {
            _over.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The timer fired while the host was being disposed: no call is left to cancel.
        }
    }

    public void Dispose() => _over.Dispose();

    public readonly struct Scope(CallTracker owner, CancellationTokenSource source, CancellationTokenSource longest, DateTimeOffset deadline) : IDisposable
    {
        public CancellationToken Token => source.Token;

        /// <summary>When the service ends the call.</summary>
        public DateTimeOffset Deadline => deadline;

        public void Dispose()
        {
            source.Dispose();
            longest.Dispose();
            Interlocked.Decrement(ref owner._count);
        }
    }
}
