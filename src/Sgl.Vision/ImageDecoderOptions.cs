namespace Sgl.Vision;

/// <summary>Limits and choices of <see cref="ImageDecoder"/>. All limits are checked against the header, before memory for pixels is taken.</summary>
public sealed record ImageDecoderOptions
{
    /// <summary>Largest width times height.</summary>
    public long MaxPixels { get; init; } = 64_000_000;

    /// <summary>Longest side in pixels. Long thin pictures have few pixels, but cost work and memory in proportion to their length.</summary>
    public int MaxSide { get; init; } = 32_768;

    /// <summary>Largest ratio of the longer to the shorter side.</summary>
    public int MaxAspectRatio { get; init; } = 1000;

    /// <summary>Largest encoded length in bytes.</summary>
    public int MaxBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>
    /// Turn the picture upright as its EXIF orientation says (JPEG, PNG, WebP; in TIFF the tag of the same number), as viewers and the
    /// reference pipelines' <c>load_image</c> do. Sizes and positions are those of the upright picture.
    /// </summary>
    public bool ApplyExifOrientation { get; init; } = true;

    /// <summary>What becomes of transparency.</summary>
    public AlphaHandling Alpha { get; init; } = AlphaHandling.White;

    /// <summary>
    /// Names the choices that change what a model sees. Belongs to a model's layout key: two that differ here see different pictures.
    /// </summary>
    public string ViewKey => $"orientation={(ApplyExifOrientation ? "exif" : "stored")};alpha={(Alpha == AlphaHandling.White ? "white" : "dropped")}";
}
