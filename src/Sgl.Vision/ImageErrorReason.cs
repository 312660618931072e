namespace Sgl.Vision;

/// <summary>Why an image was refused.</summary>
public enum ImageErrorReason
{
    /// <summary>There are no bytes.</summary>
    Empty,

    /// <summary>The bytes are not PNG, JPEG, WebP, GIF or BMP, or use a variant of these that is not read.</summary>
    UnsupportedFormat,

    /// <summary>The file ends before the image does.</summary>
    Truncated,

    /// <summary>The file breaks its format's rules.</summary>
    Corrupt,

    /// <summary>The header announces more pixels than allowed; nothing was decoded.</summary>
    TooManyPixels,

    /// <summary>The encoded file is longer than allowed.</summary>
    TooManyBytes,

    /// <summary>The ratio of the sides is beyond what the model family accepts.</summary>
    AspectRatio,
}
