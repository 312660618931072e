using Sgl.Hosting;

namespace Sgl.ModelServing;

/// <summary>
/// Counts every request from its arrival to its end, whatever it waits for: preparation, the vision tower, guidance, the engine. The one behind the last that
/// may come in is refused at once.
/// </summary>
public sealed class RequestGate : ICallGate
{
    private static readonly TimeSpan RetryWhenFull = TimeSpan.FromSeconds(1);

    private readonly int _most;
    private int _inside;

    /// <summary>Creates the gate of one service.</summary>
    /// <param name="most">Requests that may be inside, those that are worked on and those that wait.</param>
    public RequestGate(int most) => _most = most;

    /// <summary>Requests between arrival and end.</summary>
    public int Inside => Volatile.Read(ref _inside);

    /// <summary>Takes a place for a request.</summary>
    /// <returns>Holds the place; to be disposed when the request has ended.</returns>
    /// <exception cref="OverloadedException">There is none.</exception>
    public RequestLease Enter()
    {
        if (Interlocked.Increment(ref _inside) > _most)
        {
            Interlocked.Decrement(ref _inside);
            throw Full();
        }

        return new RequestLease(this);
    }

    /// <inheritdoc/>
    public void Check(string path)
    {
        if (Inside >= _most && path is not null && path.EndsWith("/Generate", StringComparison.Ordinal))
        {
            throw Full();
        }
    }

    internal void Leave() => Interlocked.Decrement(ref _inside);

    private OverloadedException Full() => new($"{_most} requests run or wait already.", RetryWhenFull);
}

/// <summary>A request's place in its service.</summary>
public sealed class RequestLease : IDisposable
{
    private readonly RequestGate _gate;
    private int _left;

    internal RequestLease(RequestGate gate) => _gate = gate;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _left, 1) == 0)
        {
            _gate.Leave();
        }
    }
}
