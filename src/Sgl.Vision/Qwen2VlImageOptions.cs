namespace Sgl.Vision;

/// <summary>Image settings of the Qwen vision families, from a checkpoint's <c>preprocessor_config.json</c>.</summary>
public sealed record Qwen2VlImageOptions
{
    /// <summary><c>patch_size</c>.</summary>
    public int PatchSize { get; init; } = 14;

    /// <summary><c>temporal_patch_size</c>: a still image is repeated that often.</summary>
    public int TemporalPatchSize { get; init; } = 2;

    /// <summary><c>merge_size</c>: one visual token is made of this squared many patches.</summary>
    public int MergeSize { get; init; } = 2;

    /// <summary><c>min_pixels</c>.</summary>
    public long MinPixels { get; init; } = 56 * 56;

    /// <summary><c>max_pixels</c>.</summary>
    public long MaxPixels { get; init; } = 12_845_056;

    /// <summary><c>image_mean</c> (CLIP).</summary>
    public float[] Mean { get; init; } = [0.48145466f, 0.4578275f, 0.40821073f];

    /// <summary><c>image_std</c> (CLIP).</summary>
    public float[] Std { get; init; } = [0.26862954f, 0.26130258f, 0.27577711f];
}
