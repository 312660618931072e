namespace Sgl.Router;

/// <summary>A call's hold on the replica it was sent to.</summary>
internal sealed class ReplicaLease : IDisposable
{
    private readonly Action<Replica> _count;
    private int _disposed;
    private int _sent;

    public ReplicaLease(Replica replica, Action<Replica> count)
    {
        _count = count;
        (Replica, Fits) = (replica, replica.Standing.Limit.Admits(replica.InFlight));
        replica.Enter();
    }

    public Replica Replica { get; }

    /// <summary>Whether the replica can hold this call beside those it has, as far as is known.</summary>
    public bool Fits { get; }

    /// <summary>A call is sent to the replica; counted once.</summary>
    public void CountSent()
    {
        if (Interlocked.Exchange(ref _sent, 1) == 0)
        {
            _count(Replica);
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Replica.Leave();
        }
    }
}
