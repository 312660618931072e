namespace Sgl.Vision;

/// <summary>Limits and choices of <see cref="ImageDecoder"/>.</summary>
public sealed record ImageDecoderOptions
{
    /// <summary>
    /// Largest width times height. Checked against the header, before memory for pixels is taken; an interlaced or
    /// progressive image of this size needs about 8 bytes a pixel while it is decoded.
    /// </summary>
    public long MaxPixels { get; init; } = 64_000_000;

    /// <summary>Largest encoded length in bytes.</summary>
    public int MaxBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>
    /// Turn the picture upright as its EXIF orientation says. Off by default: neither Pillow's <c>Image.open</c> nor the
    /// reference pipelines do it, and token positions would differ from theirs.
    /// </summary>
    public bool ApplyExifOrientation { get; init; }
}
