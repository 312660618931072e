namespace Sgl.Router;

/// <summary>A call's hold on the replica it was sent to.</summary>
internal sealed class ReplicaLease : IDisposable
{
    private int _disposed;

    public ReplicaLease(Replica replica)
    {
        (Replica, Fits) = (replica, replica.Standing.Limit.Admits(replica.InFlight));
        replica.Enter();
    }

    public Replica Replica { get; }

    /// <summary>Whether the replica can hold this call beside those it has, as far as is known.</summary>
    public bool Fits { get; }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Replica.Leave();
        }
    }
}
