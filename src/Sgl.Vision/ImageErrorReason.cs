namespace Sgl.Vision;

/// <summary>Why an image was refused.</summary>
public enum ImageErrorReason
{
    /// <summary>There are no bytes.</summary>
    Empty,

    /// <summary>The bytes are not PNG, JPEG, WebP, GIF, BMP or TIFF, or use a variant of these that is not read.</summary>
    UnsupportedFormat,

    /// <summary>The file ends before the image does.</summary>
    Truncated,

    /// <summary>The file breaks its format's rules.</summary>
    Corrupt,

    /// <summary>The header announces more pixels than allowed; nothing was decoded.</summary>
    TooManyPixels,

    /// <summary>The encoded file is longer than allowed.</summary>
    TooManyBytes,

    /// <summary>The header announces a longer side than allowed; nothing was decoded.</summary>
    SideTooLong,

    /// <summary>The ratio of the sides is beyond what is allowed, or what the model family accepts.</summary>
    AspectRatio,
}
