using Sgl.Inference.Internal.Runtime.Cuda;

namespace Sgl.Inference.Internal.Decoding.Devices;

/// <summary>
/// Decode steps of a lane that were captured, each for certain slabs, batches and addresses. A step runs as usual the first time, since then the runtime takes its memory; is captured the second
/// time; and is launched from then on. Those not used for longest go.
/// </summary>
/// <param name="device">The GPU.</param>
internal sealed class StepGraphs(CudaDevice device) : IDisposable
{
    // Two or three kinds of slabs, each with up to so many sequences.
    private const int Most = 32;

    private readonly Dictionary<long[], Entry> _entries = new(new ByNumbers());
    private readonly List<long> _key = [];
    private long _uses;

    /// <summary>Why a step could not be captured; null: all could. Such a step runs as usual.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>What tells a step from others; to be filled before <see cref="Run"/>.</summary>
    public List<long> Key
    {
        get
        {
            _key.Clear();
            return _key;
        }
    }

    /// <summary>Runs a step in whichever way.</summary>
    /// <param name="asUsual">Asks for its runs.</param>
    public void Run(Action asUsual)
    {
        var entry = Find();
        if (entry.Uses++ == 1)
        {
            try
            {
                entry.Graph = CudaGraph.Capture(device, asUsual);
            }
            catch (Exception e)
            {
                Failure = e;
            }
        }

        if (entry.Graph is { } graph)
        {
            graph.Launch();
        }
        else
        {
            asUsual();
        }
    }

    public void Dispose()
    {
        foreach (var entry in _entries.Values)
        {
            entry.Graph?.Dispose();
        }

        _entries.Clear();
    }

    private Entry Find()
    {
        long[] key = [.. _key];
        if (!_entries.TryGetValue(key, out var entry))
        {
            if (_entries.Count == Most)
            {
                var (oldest, old) = _entries.MinBy(e => e.Value.LastUse);
                // Its last launch may still run; the driver keeps what it needs of it.
                old.Graph?.Dispose();
                _entries.Remove(oldest);
            }

            _entries.Add(key, entry = new Entry());
        }

        entry.LastUse = ++_uses;
        return entry;
    }

    private sealed class Entry
    {
        public int Uses { get; set; }

        public long LastUse { get; set; }

        public CudaGraph? Graph { get; set; }
    }

    private sealed class ByNumbers : IEqualityComparer<long[]>
    {
        public bool Equals(long[]? x, long[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(long[] obj)
        {
            var hash = new HashCode();
            foreach (var number in obj)
            {
                hash.Add(number);
            }

            return hash.ToHashCode();
        }
    }
}
