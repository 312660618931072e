namespace Sgl.Router;

/// <summary>A call's hold on the replica it was sent to.</summary>
internal sealed class ReplicaLease : IDisposable
{
    private int _disposed;

    public ReplicaLease(Replica replica)
    {
        Replica = replica;
        replica.Enter();
    }

    public Replica Replica { get; }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Replica.Leave();
        }
    }
}
