namespace Sgl.Vision;

/// <summary>LLaVA-OneVision's image settings, from a checkpoint's <c>config.json</c> and <c>preprocessor_config.json</c>.</summary>
public sealed record LlavaOneVisionImageOptions
{
    /// <summary>Side of a view in pixels.</summary>
    public int ImageSize { get; init; } = 384;

    /// <summary>Side of a patch; the pixels that fill no patch at the right and bottom of a view are never seen.</summary>
    public int PatchSize { get; init; } = 14;

    /// <summary>
    /// <c>image_grid_pinpoints</c> in the file's order, which decides ties. Null: all multiples of the image size up to 6 x 6.
    /// </summary>
    public IReadOnlyList<(int Height, int Width)>? Pinpoints { get; init; }

    /// <summary>The 9 of <c>anyres_max_9</c>: the packed grid is reduced to about this many views' tokens.</summary>
    public int MaxTilesAnyres { get; init; } = 9;

    /// <summary>The rule for odd padding.</summary>
    public OddPadding OddPadding { get; init; } = OddPadding.BottomRight;

    /// <summary>Show each image in one view, padded to a square with the mean colour, followed by one newline token: prompts with several images do.</summary>
    public bool SingleView { get; init; }

    /// <summary><c>image_mean</c>.</summary>
    public float[] Mean { get; init; } = [0.5f, 0.5f, 0.5f];

    /// <summary><c>image_std</c>.</summary>
    public float[] Std { get; init; } = [0.5f, 0.5f, 0.5f];
}
