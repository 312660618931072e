namespace Sgl.Vision;

/// <summary>Pillow's convolution filters. Each is stretched by the scale when an image shrinks (antialiasing).</summary>
public enum ResampleFilter
{
    /// <summary>Triangle, support 1.</summary>
    Bilinear,

    /// <summary>Cubic convolution with a = -0.5, support 2: what every reference preprocessing uses.</summary>
    Bicubic,

    /// <summary>Windowed sinc, support 3.</summary>
    Lanczos,
}
