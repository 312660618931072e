using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal;

/// <summary>The parts of a model that have sessions of their own, made on all cores at once. Until they are handed to an engine they are owned here.</summary>
internal sealed class LoadedParts(WeightProvider weights, bool prepackWeights, IProgress<LoadProgress>? progress, int steps) : IDisposable
{
    private readonly List<(string Name, Action<SessionFactory> Make)> _parts = [];
    private readonly Stack<IDisposable> _made = new();
    private readonly Lock _gate = new();
    private int _done;

    /// <summary>Part of the work that is done, 0 to 1.</summary>
    public double Fraction => Volatile.Read(ref _done) / (double)steps;

    /// <summary>Names a part; it is there after <see cref="LoadAsync"/>.</summary>
    public Part<T> Add<T>(string name, Func<SessionFactory, T> make)
        where T : class, IDisposable
    {
        var part = new Part<T>();
        _parts.Add((name, Make));
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

    /// <summary>Makes all parts.</summary>
    public Task LoadAsync(CancellationToken cancellationToken) => Parallel.ForEachAsync(
        _parts,
        new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken },
        (part, _) =>
        {
            Report(part.Name);
            var sessions = new SessionFactory(weights, prepackWeights);
            part.Make(sessions);
            sessions.DiscardPacked();
            Interlocked.Increment(ref _done);
            return ValueTask.CompletedTask;
        });

    public void Dispose()
    {
        while (_made.TryPop(out var part))
        {
            part.Dispose();
        }
    }

    /// <summary>In order: of two parts that begin together, none reports less than what was reported before.</summary>
    private void Report(string name)
    {
        lock (_gate)
        {
            progress?.Report(new LoadProgress(name, Fraction));
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
