namespace Sgl.Router;

/// <summary>The last N numbers, kept in order of age and of size. Adding costs O(N) moves of memory, which for N in the thousands is microseconds. Not thread-safe.</summary>
public sealed class RunningQuantile(int window)
{
    private readonly double[] _byAge = new double[window];
    private readonly double[] _bySize = new double[window];
    private int _oldest;

    /// <summary>How many numbers there are, at most N.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a number; beyond N, the oldest leaves.</summary>
    public void Add(double value)
    {
        if (Count == window)
        {
            var gone = Array.BinarySearch(_bySize, 0, Count, _byAge[_oldest]);
            Array.Copy(_bySize, gone + 1, _bySize, gone, Count - gone - 1);
            Count--;
        }

        var at = Array.BinarySearch(_bySize, 0, Count, value);
        at = at < 0 ? ~at : at;
        Array.Copy(_bySize, at, _bySize, at + 1, Count - at);
        _bySize[at] = value;
        Count++;
        _byAge[_oldest] = value;
        _oldest = (_oldest + 1) % window;
    }

    /// <summary>
    /// The number that a share of them reaches: round(share * Count) numbers are at or above it, more only where numbers are equal. Positive infinity where
    /// that is none of them.
    /// </summary>
    /// <param name="share">0 to 1.</param>
    public double ReachedBy(double share)
    {
        var reaching = (int)Math.Round(share * Count, MidpointRounding.AwayFromZero);
        return reaching == 0 ? double.PositiveInfinity : share >= 1 ? 0 : _bySize[Count - reaching];
    }
}
