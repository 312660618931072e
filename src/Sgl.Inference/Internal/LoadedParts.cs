using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal;

/// <summary>The parts of a model that have sessions of their own, made on all cores at once. Until they are handed to an engine they are owned here.</summary>
internal sealed class LoadedParts : IDisposable
{
    // What making the weights, making the sessions and warming up take of the time, roughly.
    private const double WeightsShare = 0.65, SessionsShare = 0.3;

    private readonly WeightProvider _weights;
    private readonly EngineOptions _options;
    private readonly IProgress<LoadProgress>? _progress;
    private readonly List<(string Name, long Size, Action<SessionFactory> Make)> _parts = [];
    private readonly Stack<IDisposable> _made = new();
    private readonly Lock _gate = new();
    private string _phase = "";
    private long _size;
    private long _done;

    public LoadedParts(WeightProvider weights, EngineOptions options, IProgress<LoadProgress>? progress)
    {
        (_weights, _options, _progress) = (weights, options, progress);
        weights.Advanced = () => Report(null);
    }

    /// <summary>Part of the work that is done, 0 to 1: grows with each matrix that is made and each part.</summary>
    public double Fraction => (WeightsShare * _weights.Share) + (SessionsShare * Interlocked.Read(ref _done) / Math.Max(1, _size));

    /// <summary>Names a part; it is there after <see cref="LoadAsync"/>.</summary>
    /// <param name="name">What it is, for the progress.</param>
    /// <param name="size">How long it takes against others; its parameters say.</param>
    /// <param name="make">Makes it.</param>
    public Part<T> Add<T>(string name, long size, Func<SessionFactory, T> make)
        where T : class, IDisposable
    {
        var part = new Part<T>();
        _parts.Add((name, size, Make));
        _size += size;
        return part;

        void Make(SessionFactory sessions)
        {
            var value = make(sessions);
            lock (_gate)
            {
                _made.Push(value);
            }

            part.Value = value;
        }
    }

    /// <summary>Makes all parts, the longest first, so that no core waits for it at the end.</summary>
    public Task LoadAsync(CancellationToken cancellationToken) => Parallel.ForEachAsync(
        _parts.OrderByDescending(p => p.Size),
        new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken },
        (part, _) =>
        {
            Report(part.Name);
            var sessions = new SessionFactory(_weights, _options);
            part.Make(sessions);
            sessions.DiscardPacked();
            Interlocked.Add(ref _done, part.Size);
            Report(null);
            return ValueTask.CompletedTask;
        });

    public void Dispose()
    {
        while (_made.TryPop(out var part))
        {
            part.Dispose();
        }
    }

    /// <summary>In order: of two parts that are made together, none reports less than what was reported before.</summary>
    /// <param name="phase">What begins; null: what was said before goes on.</param>
    private void Report(string? phase)
    {
        lock (_gate)
        {
            _phase = phase ?? _phase;
            _progress?.Report(new LoadProgress(_phase, Fraction));
        }
    }

    /// <summary>A part that is made by <see cref="LoadAsync"/>.</summary>
    public sealed class Part<T>
        where T : class
    {
        private T? _value;

        /// <exception cref="InvalidOperationException">Not loaded yet.</exception>
        public T Value
        {
            get => _value ?? throw new InvalidOperationException("the part is not loaded");
            set => _value = value;
        }
    }
}
