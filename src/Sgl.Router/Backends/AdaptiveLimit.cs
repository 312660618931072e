namespace Sgl.Router;

/// <summary>
/// How many calls a replica can hold, learnt from its refusals, so that the next ones are refused here, at once, instead of travelling there for it.
/// There is no bound until the first refusal. Each refusal brings the bound down to what is held; while refused calls come back that finds the number
/// within one round trip. At most once a second it also gives up a tenth, so that several routers come to equal shares. Answers bring it up again. Where a
/// replica refuses the only call of this router, it is left alone for as long as it asked. Thread-safe.
/// </summary>
internal sealed class AdaptiveLimit(TimeProvider time)
{
    private const double Cut = 0.9;

    // Below it, a tenth is no whole call, and the search for more would cost more than a call in ten.
    private const double Few = 10;

    private static readonly TimeSpan BetweenCuts = TimeSpan.FromSeconds(1);

    // After so long without a refusal the bound is more likely wrong than met.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private double _limit = double.PositiveInfinity;
    private TimeSpan _closedUntil;
    private TimeSpan _refusedAt;
    private TimeSpan _cutAt = -BetweenCuts;
    private TimeSpan _retryAfter = TimeSpan.FromSeconds(1);

    // Monotonic.
    private TimeSpan Now => time.GetElapsedTime(0);

    /// <summary>Calls it is believed to hold; infinite where it never refused one.</summary>
    public double Value
    {
        get
        {
            lock (_gate)
            {
                return _limit;
            }
        }
    }

    /// <summary>When a call that is not admitted may be tried again.</summary>
    public TimeSpan RetryAfter
    {
        get
        {
            lock (_gate)
            {
                var closed = _closedUntil - Now;
                return closed > TimeSpan.Zero ? closed : _retryAfter;
            }
        }
    }

    /// <summary>Whether one more fits.</summary>
    /// <param name="inFlight">Calls under way, without it.</param>
    public bool Admits(int inFlight)
    {
        lock (_gate)
        {
            return inFlight + 1 <= _limit && Now >= _closedUntil;
        }
    }

    /// <summary>A call was refused for want of capacity.</summary>
    /// <param name="inFlight">Calls under way, with it.</param>
    /// <param name="retryAfter">What the replica asked for.</param>
    public void Refused(int inFlight, TimeSpan retryAfter)
    {
        lock (_gate)
        {
            (_refusedAt, _retryAfter) = (Now, retryAfter);
            _limit = Math.Min(_limit, inFlight - 1);
            if (_limit > Few && _refusedAt - _cutAt >= BetweenCuts)
            {
                (_limit, _cutAt) = (_limit * Cut, _refusedAt);
            }

            _limit = Math.Max(_limit, 1);
            if (inFlight <= 1)
            {
                _closedUntil = Now + retryAfter;
            }
        }
    }

    /// <summary>A call was answered.</summary>
    /// <param name="inFlight">Calls under way, with it.</param>
    public void Answered(int inFlight)
    {
        lock (_gate)
        {
            // What is not used up says nothing about whether more would be accepted.
            if (inFlight + 1 >= Math.Floor(_limit))
            {
                _limit += Now - _refusedAt > Quiet ? 1 : 1 / Math.Max(_limit, Few);
            }
        }
    }
}
