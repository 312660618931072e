namespace Sgl.Hosting.Internal;

/// <summary>Knows the calls in flight and cancels them when the drain is over.</summary>
internal sealed class CallTracker : IDisposable
{
    private readonly CancellationTokenSource _over = new();
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public bool DrainIsOver => _over.IsCancellationRequested;

    public Scope Enter(CancellationToken caller)
    {
        Interlocked.Increment(ref _count);
        return new Scope(this, CancellationTokenSource.CreateLinkedTokenSource(caller, _over.Token));
    }

    public void EndDrain() => _over.Cancel();

    public void Dispose() => _over.Dispose();

    public readonly struct Scope(CallTracker owner, CancellationTokenSource source) : IDisposable
    {
        public CancellationToken Token => source.Token;

        public void Dispose()
        {
            source.Dispose();
            Interlocked.Decrement(ref owner._count);
        }
    }
}
