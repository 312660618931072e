namespace Sgl.Vision;

/// <summary>The formats that are read.</summary>
public enum ImageFormat
{
    /// <summary>PNG; of an APNG the default image.</summary>
    Png,

    /// <summary>JPEG: baseline, extended and progressive, 8 bits; gray, YCbCr, RGB, CMYK and YCCK.</summary>
    Jpeg,

    /// <summary>WebP: lossy and lossless; of an animation the first frame.</summary>
    WebP,

    /// <summary>GIF: the first frame.</summary>
    Gif,

    /// <summary>Windows bitmap without run lengths.</summary>
    Bmp,

    /// <summary>
    /// TIFF: uncompressed, PackBits, LZW, deflate, JPEG, CCITT (G3, G4); gray, RGB, palette and CMYK of 1 to 16 bits; the first page.
    /// </summary>
    Tiff,
}
