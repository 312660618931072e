using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Inference;

/// <summary>A prompt as token ids with its preprocessed images. Made by <see cref="VlmEngine.PrepareAsync"/>, or from tensors for verification.</summary>
public sealed class PreparedPrompt
{
    private readonly PromptFeatures _features;
    private readonly Lock _keysGate = new();
    private readonly TaskCompletionSource _pixelsGone = new();
    private VisionKey[]? _tileKeys;
    private VisionKey[]? _imageKeys;

    /// <summary>Creates a prompt.</summary>
    /// <param name="ids">Prompt ids; visual positions hold the placeholder id.</param>
    /// <param name="spans">Positions of each image's visual tokens, ascending.</param>
    /// <param name="images">Preprocessed images, same order as <paramref name="spans"/>.</param>
    public PreparedPrompt(int[] ids, IReadOnlyList<ImageSpan> spans, IReadOnlyList<VisualInput> images)
    {
        Ids = ids;
        Spans = spans;
        Images = images;
        VisualTokenCount = spans.Sum(s => s.Count);
        _features = new PromptFeatures(PromptTiles.Of(images));
    }

    /// <summary>A prompt whose tiles were told apart already.</summary>
    internal PreparedPrompt(int[] ids, IReadOnlyList<ImageSpan> spans, IReadOnlyList<VisualInput> images, VisionKey[] tileKeys)
        : this(ids, spans, images) => _tileKeys = tileKeys;

    private PreparedPrompt(int[] ids, IReadOnlyList<ImageSpan> spans, float[] features)
        : this(ids, spans, (IReadOnlyList<VisualInput>)[]) => _features = new PromptFeatures(Whole(spans), features);

    /// <summary>A prompt whose visual features exist already, e.g. merged ones. Its family must number positions without looking at images.</summary>
    /// <param name="ids">Prompt ids; visual positions hold the placeholder id.</param>
    /// <param name="spans">Positions of each image's visual tokens, ascending.</param>
    /// <param name="features">[N_I, <see cref="Sgl.Models.VlmConfig.FeatureWidth"/>].</param>
    /// <param name="cacheScope">See <see cref="CacheScope"/>.</param>
    public static PreparedPrompt FromFeatures(int[] ids, IReadOnlyList<ImageSpan> spans, float[] features, string? cacheScope = null) =>
        new(ids, spans, features) { CacheScope = cacheScope };

    /// <summary>The same prompt, of which nothing is encoded yet. It shares the pixels, which must not have been let go.</summary>
    public PreparedPrompt Again() =>
        new(Ids, Spans, Images) { DropsPixels = DropsPixels, CacheScope = CacheScope, PreprocessTime = PreprocessTime, _tileKeys = TileKeys() };

    /// <summary>Prompt ids, [S].</summary>
    public int[] Ids { get; }

    /// <summary>Positions of each image's visual tokens.</summary>
    public IReadOnlyList<ImageSpan> Spans { get; }

    /// <summary>Preprocessed images; without their pixels once they are encoded, where <see cref="DropsPixels"/> says so.</summary>
    public IReadOnlyList<VisualInput> Images { get; private set; }

    /// <summary>Whether pixels are let go once the images are encoded: they are many times larger than the features, and a request may wait long after that.</summary>
    /// <value>Default false: they can be encoded again.</value>
    public bool DropsPixels { get; init; }

    /// <summary>Completes when the pixels are let go.</summary>
    public Task PixelsGone => _pixelsGone.Task;

    /// <summary>N_I, visual tokens of all images.</summary>
    public int VisualTokenCount { get; }

    /// <summary>Which visual tokens come from which tile, i.e. from what the vision tower encodes on its own.</summary>
    public TileTokens Tiles => _features.Tiles;

    /// <summary>Whose cache entries this prompt may find and leave behind; see <see cref="PromptInput.CacheScope"/>.</summary>
    public string? CacheScope { get; init; }

    /// <summary>How long preparation took.</summary>
    public TimeSpan PreprocessTime { get; init; }

    /// <summary>How long the vision tower took, as far as it ran.</summary>
    public TimeSpan VisionTime { get; internal set; }

    /// <summary>Visual tokens of <see cref="CachedTiles"/>.</summary>
    public int CachedVisualTokens => _features.Counts().CachedTokens;

    /// <summary>Tiles that the vision tower ran for.</summary>
    public int EncodedTiles => _features.Counts().EncodedTiles;

    /// <summary>Tiles whose features were known from an earlier prompt of the same cache scope, or from an equal tile of this one.</summary>
    public int CachedTiles => _features.Counts().CachedTiles;

    /// <summary>Absolute positions of all visual tokens, ascending, [N_I].</summary>
    public int[] VisualPositions() => Visual().Positions();

    /// <summary>Where the visual tokens are, one run per image.</summary>
    internal VisualTokens Visual() => VisualTokens.Create(Spans.Select(span => new VisualRun(span.Start, span.Count)), Ids.Length);

    /// <summary>The visual features, as far as they are encoded.</summary>
    internal PromptFeatures Features => _features;

    /// <summary>Lets the pixels go where <see cref="DropsPixels"/> says so. What is not encoded by then cannot be encoded any more.</summary>
    internal void LetPixelsGo()
    {
        if (DropsPixels)
        {
            Images = [.. Images.Select(i => i with { PixelValues = [] })];
            _pixelsGone.TrySetResult();
        }
    }

    /// <summary>What all tiles are, as <see cref="Tiles"/> counts them: nobody else's where scopes are told apart. Null where the pixels are gone, or never were.</summary>
    internal VisionKey[]? TileKeys()
    {
        lock (_keysGate)
        {
            var images = Images;
            return _tileKeys ??= images.Count == 0 || images.Any(i => i.PixelValues.Length == 0) ? null : [.. images.SelectMany(i => VisionKey.OfTiles(i, CacheScope))];
        }
    }

    /// <summary>What the images are, one key each in the order of <see cref="Spans"/>. Null where nothing of the prompt may be kept, or its pixels are gone.</summary>
    internal VisionKey[]? ImageKeys()
    {
        lock (_keysGate)
        {
            if (CacheScope is "" || _imageKeys is not null)
            {
                return CacheScope is "" ? null : _imageKeys;
            }

            if (VisualTokenCount == 0)
            {
                _imageKeys = [];
            }
            else if (TileKeys() is { } keys)
            {
                var first = 0;
                _imageKeys = [.. Images.Select(i => VisionKey.Of(i, keys.AsSpan((first += PromptTiles.CountOf(i)) - PromptTiles.CountOf(i), PromptTiles.CountOf(i))))];
            }
            else if (Images.Count == 0)
            {
                var width = _features.Values.Length / VisualTokenCount;
                var first = 0;
                _imageKeys = [.. Spans.Select(s => VisionKey.Of(_features.Values.AsSpan(((first += s.Count) - s.Count) * width, s.Count * width), CacheScope))];
            }

            return _imageKeys;
        }
    }

    private static TileTokens Whole(IReadOnlyList<ImageSpan> spans)
    {
        var builder = new TileTokens.Builder();
        for (var image = 0; image < spans.Count; image++)
        {
            var tile = builder.AddTile(image, isOverview: true);
            for (var i = 0; i < spans[image].Count; i++)
            {
                builder.AddToken(tile);
            }
        }

        return builder.Build();
    }
}
