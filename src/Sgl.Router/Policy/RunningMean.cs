namespace Sgl.Router;

/// <summary>The mean of the last N numbers. Not thread-safe.</summary>
internal sealed class RunningMean(int window)
{
    private readonly double[] _latest = new double[window];
    private double _sum;
    private int _next;

    /// <summary>How many numbers there are, at most N.</summary>
    public int Count { get; private set; }

    /// <summary>Their mean; NaN without any.</summary>
    public double Value => _sum / Count;

    /// <summary>Adds a number; beyond N, the oldest leaves.</summary>
    public void Add(double value)
    {
        _sum += value - (Count == window ? _latest[_next] : 0);
        _latest[_next] = value;
        Count = Math.Min(Count + 1, window);
        _next = (_next + 1) % window;
        if (_next == 0)
        {
            // What rounding has left over does not pile up.
            _sum = _latest.Sum();
        }
    }
}
