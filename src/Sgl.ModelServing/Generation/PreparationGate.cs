namespace Sgl.ModelServing;

/// <summary>
/// Lets a bounded number of preparations in, with a bounded number of bytes together, in the order they came. Whoever needs more than all of the
/// bytes must be refused before. Thread-safe.
/// </summary>
/// <param name="workers">Most preparations at a time.</param>
/// <param name="bytes">Most bytes of all of them.</param>
public sealed class PreparationGate(int workers, long bytes)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Waiter> _waiting = [];
    private int _workers = workers;
    private long _bytes = bytes;

    /// <summary>Most bytes that one preparation can have.</summary>
    public long Capacity { get; } = bytes;

    /// <summary>Bytes that are taken now.</summary>
    public long Taken
    {
        get
        {
            lock (_gate)
            {
                return Capacity - _bytes;
            }
        }
    }

    /// <summary>Waits for a place.</summary>
    /// <param name="needed">Bytes, at most <see cref="Capacity"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The place; dispose it when the work has ended and nothing of its memory is left, which may be later than whoever wanted it went away.</returns>
    public async Task<PreparationPlace> EnterAsync(long needed, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(needed);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(needed, Capacity);
        cancellationToken.ThrowIfCancellationRequested();
        var waiter = new Waiter(needed);
        lock (_gate)
        {
            waiter.Node = _waiting.AddLast(waiter);
            Admit();
        }

        await using var registration = cancellationToken.Register(() => Leave(waiter, cancellationToken));
        await waiter.Admitted.Task;
        return new PreparationPlace(this, needed);
    }

    private void Leave(Waiter waiter, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (waiter.Node is null)
            {
                return; // admitted at the same moment
            }

            _waiting.Remove(waiter.Node);
            waiter.Node = null;

            // It may have been the one that the others waited behind.
            Admit();
        }

        waiter.Admitted.TrySetCanceled(cancellationToken);
    }

    internal void Release(int workers, long bytes)
    {
        lock (_gate)
        {
            _workers += workers;
            _bytes += bytes;
            Admit();
        }
    }

    private void Admit()
    {
        while (_waiting.First?.Value is { } next && _workers > 0 && next.Needed <= _bytes)
        {
            _waiting.RemoveFirst();
            next.Node = null;
            _workers--;
            _bytes -= next.Needed;
            next.Admitted.SetResult();
        }
    }

    private sealed class Waiter(long needed)
    {
        public long Needed { get; } = needed;

        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public LinkedListNode<Waiter>? Node { get; set; }
    }
}
