namespace Sgl.Vision;

/// <summary>InternVL2's image settings, from a checkpoint's <c>config.json</c>.</summary>
public sealed record InternVlImageOptions
{
    /// <summary><c>force_image_size</c>: side of a tile in pixels.</summary>
    public int ImageSize { get; init; } = 448;

    /// <summary><c>min_dynamic_patch</c>.</summary>
    public int MinTiles { get; init; } = 1;

    /// <summary><c>max_dynamic_patch</c>.</summary>
    public int MaxTiles { get; init; } = 12;

    /// <summary><c>use_thumbnail</c>: append the whole image where there is more than one tile.</summary>
    public bool UseThumbnail { get; init; } = true;

    /// <summary><c>dynamic_image_size</c>; without it each image is one tile.</summary>
    public bool DynamicImageSize { get; init; } = true;

    /// <summary>Token rows, and columns, of a tile: <c>image_size / patch_size * downsample_ratio</c> (16 for 448, 14 and 0.5).</summary>
    public int TokensPerTileSide { get; init; } = 16;

    /// <summary>Subtracted from each channel after division by 255 (ImageNet).</summary>
    public float[] Mean { get; init; } = [0.485f, 0.456f, 0.406f];

    /// <summary>Divides each channel (ImageNet).</summary>
    public float[] Std { get; init; } = [0.229f, 0.224f, 0.225f];
}
