namespace Sgl.ModelServing;

/// <summary>A preparation's hold on a worker and memory of a <see cref="PreparationGate"/>. Thread-safe.</summary>
public sealed class PreparationPlace : IDisposable
{
    private readonly PreparationGate _gate;
    private readonly Lock _lock = new();
    private long _bytes;
    private int _workers = 1;
    private bool _disposed;

    internal PreparationPlace(PreparationGate gate, long bytes) => (_gate, _bytes) = (gate, bytes);

    /// <summary>The work has ended: its worker is free, and of its memory all but its result.</summary>
    /// <param name="result">Bytes of the result, no more than were asked for.</param>
    public void Keep(long result)
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                ArgumentOutOfRangeException.ThrowIfGreaterThan(result, _bytes);
                Give(_bytes - result);
            }
        }
    }

    /// <summary>Nothing is held any more.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _disposed = true;
                Give(_bytes);
            }
        }
    }

    private void Give(long bytes)
    {
        _gate.Release(_workers, bytes);
        (_workers, _bytes) = (0, _bytes - bytes);
    }
}
