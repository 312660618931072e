namespace Sgl.Vision;

/// <summary>What a vision tower is fed for one image.</summary>
public sealed record VisualInput
{
    /// <summary>Normalised pixels, row-major in <see cref="Shape"/>.</summary>
    public required float[] PixelValues { get; init; }

    /// <summary>
    /// InternVL and LLaVA-OneVision: [views, 3, side, side]. Qwen2-VL: [patches, 3 * temporal patch * patch * patch], patches in the
    /// order of the merge blocks.
    /// </summary>
    public required int[] Shape { get; init; }

    /// <summary>Where each visual token comes from.</summary>
    public required VisualLayout Layout { get; init; }

    /// <summary>Qwen2-VL: <c>image_grid_thw</c>, in patches before merging.</summary>
    public (int T, int H, int W)? Grid { get; init; }

    /// <summary>LLaVA-OneVision with tiles: how the views' features are packed.</summary>
    public PackedGeometry? Packed { get; init; }
}
