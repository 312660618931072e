namespace Sgl.Vision.Internal;

/// <summary>What a band beyond the colours means.</summary>
internal enum AlphaKind
{
    /// <summary>Opacity; the colours are what they are.</summary>
    Straight,

    /// <summary>Opacity, with which the colours have been multiplied.</summary>
    Premultiplied,

    /// <summary>Something else: it is left out.</summary>
    None,
}
