using Sgl.Guidance;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Inference;

/// <summary>A prompt as token ids with its preprocessed images. Made by <see cref="VlmEngine.PrepareAsync"/>, or from tensors for verification.</summary>
public sealed class PreparedPrompt
{
    private readonly object _gate = new();
    private Task<float[]>? _features;

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
    }

    /// <summary>A prompt whose visual features exist already, e.g. merged ones. Its family must number positions without looking at images.</summary>
    /// <param name="ids">Prompt ids; visual positions hold the placeholder id.</param>
    /// <param name="spans">Positions of each image's visual tokens, ascending.</param>
    /// <param name="features">[N_I, <see cref="Sgl.Models.VlmConfig.FeatureWidth"/>].</param>
    public static PreparedPrompt FromFeatures(int[] ids, IReadOnlyList<ImageSpan> spans, float[] features) =>
        new(ids, spans, []) { _features = Task.FromResult(features) };

    /// <summary>Prompt ids, [S].</summary>
    public int[] Ids { get; }

    /// <summary>Positions of each image's visual tokens.</summary>
    public IReadOnlyList<ImageSpan> Spans { get; }

    /// <summary>Preprocessed images; without their pixels once they are encoded, where <see cref="DropsPixels"/> says so.</summary>
    public IReadOnlyList<VisualInput> Images { get; private set; }

    /// <summary>Whether pixels are let go once the images are encoded: they are many times larger than the features, and a request may wait long after that.</summary>
    /// <value>Default false: they can be encoded again.</value>
    public bool DropsPixels { get; init; }

    /// <summary>N_I, visual tokens of all images.</summary>
    public int VisualTokenCount { get; }

    /// <summary>Whose cache entries this prompt may find and leave behind; see <see cref="PromptInput.CacheScope"/>.</summary>
    public string? CacheScope { get; init; }

    /// <summary>How long preparation took.</summary>
    public TimeSpan PreprocessTime { get; init; }

    /// <summary>How long the vision tower took, once it ran.</summary>
    public TimeSpan VisionTime { get; internal set; }

    /// <summary>Visual tokens whose features were known from an earlier prompt of the same cache scope, once the others were encoded.</summary>
    public int CachedVisualTokens { get; internal set; }

    /// <summary>Absolute positions of all visual tokens, ascending, [N_I].</summary>
    public int[] VisualPositions() => Visual().Positions();

    /// <summary>Where the visual tokens are, one run per image.</summary>
    internal VisualTokens Visual() => VisualTokens.Create(Spans.Select(span => new VisualRun(span.Start, span.Count)), Ids.Length);

    /// <summary>Runs <paramref name="encode"/> once, however many callers there are; all of them get its features.</summary>
    internal Task<float[]> FeaturesOnce(Func<Task<float[]>> encode)
    {
        lock (_gate)
        {
            // A failed or cancelled encoding must not poison a later attempt.
            if (_features is null || _features.IsFaulted || _features.IsCanceled)
            {
                _features = EncodeAsync();
            }

            return _features;
        }

        async Task<float[]> EncodeAsync()
        {
            var features = await encode().ConfigureAwait(false);
            if (DropsPixels)
            {
                Images = [.. Images.Select(i => i with { PixelValues = [] })];
            }

            return features;
        }
    }
}
