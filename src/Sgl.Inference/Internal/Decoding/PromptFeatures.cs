using Sgl.Guidance;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Visual features of one prompt, as far as its tiles are encoded. Each tile is encoded once, however many callers there are and whichever tiles they need.</summary>
internal sealed class PromptFeatures
{
    private readonly object _gate = new();
    private readonly bool[] _known;
    private readonly bool[] _cached;
    private readonly Dictionary<int, float[]> _views = [];
    private int _width;
    private bool _spared;
    private Task? _running;

    /// <param name="tiles">The prompt's tiles.</param>
    public PromptFeatures(TileTokens tiles)
    {
        Tiles = tiles;
        _known = new bool[tiles.TileCount];
        _cached = new bool[tiles.TileCount];
    }

    /// <param name="tiles">The prompt's tiles.</param>
    /// <param name="values">Features that exist already.</param>
    public PromptFeatures(TileTokens tiles, float[] values)
        : this(tiles)
    {
        Values = values;
        Array.Fill(_known, true);
    }

    /// <summary>The prompt's tiles.</summary>
    public TileTokens Tiles { get; }

    /// <summary>[N_I, feature width] in token order; tokens of tiles that are not encoded hold nothing of use.</summary>
    public float[] Values { get; private set; } = [];

    /// <summary>Whether all tiles are encoded.</summary>
    public bool IsComplete
    {
        get
        {
            lock (_gate)
            {
                return !_known.Contains(false);
            }
        }
    }

    /// <summary>Tiles that the tower ran for, tiles found in the cache, and visual tokens of the latter.</summary>
    public (int EncodedTiles, int CachedTiles, int CachedTokens) Counts()
    {
        lock (_gate)
        {
            // Tiles that nobody needed, since what is kept of their rows did, are as good as found.
            bool[] found = [.. _cached.Zip(_known, (cached, known) => cached || (_spared && !known))];
            var cached = found.Count(c => c);
            return (_known.Count(k => k) - _cached.Count(c => c), cached, cached == 0 ? 0 : Tiles.CountOf(found));
        }
    }

    /// <summary>Waits until some tiles are encoded. Calls may overlap: what one of them encodes, no other does.</summary>
    /// <param name="wanted">One for each tile.</param>
    /// <param name="encode">Encodes tiles, marks them by <see cref="SetKnown"/> and returns when they are there.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task EnsureAsync(bool[] wanted, Func<int[], Task> encode, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task running;
            lock (_gate)
            {
                int[] missing = [.. Enumerable.Range(0, wanted.Length).Where(tile => wanted[tile] && !_known[tile])];
                if (missing.Length == 0)
                {
                    return;
                }

                // A failed or cancelled encoding must not poison a later attempt.
                if (_running is null || _running.IsCompleted)
                {
                    _running = encode(missing);
                }

                running = _running;
            }

            try
            {
                await running.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // Whoever began the encoding went away; this caller did not, and begins it anew.
            }
        }
    }

    /// <summary>Marks tiles whose features are in <see cref="Values"/>.</summary>
    public void SetKnown(IEnumerable<int> tiles, bool cached)
    {
        lock (_gate)
        {
            foreach (var tile in tiles)
            {
                _known[tile] = true;
                _cached[tile] = cached;
            }
        }
    }

    /// <summary>Notes that the prompt ran without the features of those tiles that are not known.</summary>
    public void SetSpared()
    {
        lock (_gate)
        {
            _spared = true;
        }
    }

    /// <summary>Makes room for the features, where some have to be encoded.</summary>
    public void Allocate(int width)
    {
        lock (_gate)
        {
            _width = width;
            if (Values.Length == 0 && _known.Contains(false))
            {
                Values = new float[(long)Tiles.TokenCount * width];
            }
        }
    }

    /// <summary>The features of consecutive tokens. This and what follows: by the encoding that runs only.</summary>
    public Span<float> Tokens(int first, int count) => Values.AsSpan(first * _width, count * _width);

    /// <summary>The tower's output for an image whose tokens are made from several views at once; zeros where a view is not encoded.</summary>
    /// <param name="image">Index of the image.</param>
    /// <param name="values">Numbers of all its views.</param>
    public float[] Views(int image, int values)
    {
        if (!_views.TryGetValue(image, out var views))
        {
            _views[image] = views = new float[values];
        }

        return views;
    }

    /// <summary>Lets the views go: all tokens are made.</summary>
    public void ForgetViews() => _views.Clear();
}
