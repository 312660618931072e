namespace Sgl.Vision;

/// <summary>What an image file says about itself. Nothing was decoded.</summary>
public sealed record ImageHeader
{
    /// <summary>The format.</summary>
    public required ImageFormat Format { get; init; }

    /// <summary>Columns as stored.</summary>
    public required int Width { get; init; }

    /// <summary>Rows as stored.</summary>
    public required int Height { get; init; }

    /// <summary>EXIF orientation, 1 to 8; 1 where there is none or none that makes sense.</summary>
    public int Orientation { get; init; } = 1;

    /// <summary>Pages of a TIFF, of which only the first is read; 1 for other formats.</summary>
    public int PageCount { get; init; } = 1;

    /// <summary>
    /// Most bytes that decoding takes at one time: the RGB pixels, and what the format's decoder holds besides (whole frames of interlaced PNG,
    /// WebP and GIF, the coefficients of progressive JPEG, strips and tiles of TIFF). The encoded bytes are not counted.
    /// </summary>
    public required long PeakBytes { get; init; }

    /// <summary>Bytes of the decoded pixels.</summary>
    public long RgbBytes => 3L * Width * Height;

    /// <summary>Whether a band beyond the colours is opacity; in TIFF it may be something else, which is left out.</summary>
    internal bool IsExtraBandAlpha { get; init; } = true;

    /// <summary>Columns and rows of the picture that is handed out.</summary>
    /// <param name="options">Whether it is turned upright.</param>
    public (int Width, int Height) SizeAs(ImageDecoderOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.ApplyExifOrientation && Orientation >= 5 ? (Height, Width) : (Width, Height);
    }
}
