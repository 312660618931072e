namespace Sgl.Router;

/// <summary>How good a choice a replica is for the next call.</summary>
internal enum ReplicaRank
{
    /// <summary>It serves and nothing speaks against it.</summary>
    Ready,

    /// <summary>It serves, but said lately that it is full.</summary>
    Full,

    /// <summary>It says that it serves, but calls to it failed. Taken where there is nothing better.</summary>
    Doubtful,

    /// <summary>Never taken.</summary>
    Out,
}

/// <summary>
/// What probes and calls have shown of one replica, and what follows for the next call. A broken or silent call makes it doubtful until a probe
/// succeeds; failures in a row, or silence while its probes succeed, eject it for a time that doubles with each fall, and it comes back with one call on
/// trial. One that merely went away and came back serves at once, unless it keeps doing so. Thread-safe.
/// </summary>
internal sealed class ReplicaStanding(EjectionOptions options, TimeProvider time)
{
    // A process that is stopped or starved may be back in a moment; one that is gone refuses connections instead.
    private const int SilentProbesAllowed = 1;

    private static readonly TimeSpan LongestFull = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private bool _serving;
    private bool _suspect;
    private bool _onTrial;
    private int _silentProbes;
    private int _failures;
    private int _falls;
    private TimeSpan _lastFall;
    private TimeSpan _heldUntil;
    private TimeSpan _fullUntil;

    /// <summary>Whether its latest probe said SERVING.</summary>
    public bool Serving
    {
        get
        {
            lock (_gate)
            {
                return _serving;
            }
        }
    }

    /// <summary>How many calls it holds before it refuses.</summary>
    public AdaptiveLimit Limit { get; } = new(time);

    /// <summary>Whether its latest probe was silent for the first time.</summary>
    public bool WasSilent
    {
        get
        {
            lock (_gate)
            {
                return _serving && _silentProbes > 0;
            }
        }
    }

    // Monotonic.
    private TimeSpan Now => time.GetElapsedTime(0);

    /// <summary>How good a choice it is.</summary>
    /// <param name="inFlight">Calls to it under way.</param>
    public ReplicaRank Rank(int inFlight)
    {
        lock (_gate)
        {
            var now = Now;
            return !_serving ? ReplicaRank.Out
                : _suspect || now < _heldUntil || (_onTrial && inFlight > 0) ? ReplicaRank.Doubtful
                : now < _fullUntil || !Limit.Admits(inFlight) ? ReplicaRank.Full
                : ReplicaRank.Ready;
        }
    }

    /// <summary>A probe said SERVING.</summary>
    public void ProbeServes()
    {
        lock (_gate)
        {
            if (!_serving && _falls > 1)
            {
                Hold(_falls - 2);
            }

            (_serving, _suspect, _silentProbes) = (true, false, 0);
        }
    }

    /// <summary>A probe failed: it refused, broke, or said NOT_SERVING.</summary>
    public void ProbeFails()
    {
        lock (_gate)
        {
            Fall();
            _silentProbes = 0;
        }
    }

    /// <summary>A probe got no answer in time.</summary>
    /// <returns>Whether that was once too often, so that it does not count as serving any more.</returns>
    public bool ProbeIsSilent()
    {
        lock (_gate)
        {
            _suspect = true;
            if (_serving && ++_silentProbes <= SilentProbesAllowed)
            {
                return false;
            }

            Fall();
            return true;
        }
    }

    /// <summary>A call was answered, or ended without any fault of the replica.</summary>
    public void CallSucceeds()
    {
        lock (_gate)
        {
            (_failures, _onTrial) = (0, false);
        }
    }

    /// <summary>A call was refused for want of capacity.</summary>
    /// <param name="inFlight">Calls under way, this one included.</param>
    /// <param name="retryAfter">When to try again.</param>
    public void CallIsRefusedAsFull(int inFlight, TimeSpan retryAfter)
    {
        Limit.Refused(inFlight, retryAfter < LongestFull ? retryAfter : LongestFull);
        lock (_gate)
        {
            _fullUntil = Now + (retryAfter < LongestFull ? retryAfter : LongestFull);
            _onTrial = false;
        }
    }

    /// <summary>A call failed by the replica's fault.</summary>
    /// <param name="unreachable">Whether it may be gone altogether, so that a probe must tell before it is taken again.</param>
    /// <param name="eject">Whether one such failure is enough.</param>
    /// <returns>For how long it is ejected; null where it is not.</returns>
    public TimeSpan? CallFails(bool unreachable, bool eject)
    {
        lock (_gate)
        {
            // Many calls break with one connection; once it is suspect the next probe tells whether there was more to it.
            _failures += _suspect && unreachable ? 0 : 1;
            _suspect |= unreachable;

            // Calls that were under way when it was ejected, or went away, say nothing new.
            if (!_serving || Now < _heldUntil || !(eject || _onTrial || _failures >= options.ConsecutiveFailures))
            {
                return null;
            }

            CountFall();
            (_failures, _onTrial) = (0, true);
            return Hold(_falls - 1);
        }
    }

    private void Fall()
    {
        if (!_serving)
        {
            return;
        }

        (_serving, _failures) = (false, 0);
        if (Now >= _heldUntil)
        {
            CountFall();
        }
    }

    private void CountFall()
    {
        // What stood firm for the longest hold has a clean record again.
        _falls = Now - _lastFall > options.MaxTime && Now > _heldUntil + options.MaxTime ? 1 : _falls + 1;
        _lastFall = Now;
    }

    private TimeSpan Hold(int doublings)
    {
        var factor = Math.Pow(2, Math.Min(doublings, 30));
        var hold = options.BaseTime * factor < options.MaxTime ? options.BaseTime * factor : options.MaxTime;
        _heldUntil = Now + hold;
        _onTrial = true;
        return hold;
    }
}
