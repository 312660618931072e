namespace Sgl.Access.Internal;

/// <summary>An allowance that fills up evenly to what a minute allows. It may be overdrawn; then it has to fill up again first. Not thread-safe.</summary>
internal struct Bucket(int perMinute, long now)
{
    private double _left = perMinute;
    private long _at = now;

    /// <summary>Allowance of a minute, and the most that is saved up.</summary>
    public readonly int PerMinute => perMinute;

    /// <summary>What is left, whole units; never below 0.</summary>
    public readonly int Left => (int)Math.Clamp(Math.Floor(_left + 1e-9), 0, perMinute);

    /// <summary>Whether nothing of it is used.</summary>
    public readonly bool IsFull => _left >= perMinute;

    /// <summary>Adds what has come in since.</summary>
    public void Fill(long now, TimeProvider time)
    {
        var elapsed = time.GetElapsedTime(_at, now).TotalMinutes;
        if (elapsed > 0)
        {
            (_left, _at) = (Math.Min(perMinute, _left + (elapsed * perMinute)), now);
        }
    }

    public void Take(long units) => _left -= units;

    /// <summary>Time until at least <paramref name="units"/> are there.</summary>
    public readonly TimeSpan Until(double units) =>
        _left >= units - 1e-9 ? TimeSpan.Zero : TimeSpan.FromMinutes(Math.Min((units - _left) / perMinute, TimeSpan.FromDays(1).TotalMinutes));
}
