namespace Sgl.Vision;

/// <summary>What LLaVA-OneVision's processor does where an odd number of pixels is missing to the canvas.</summary>
public enum OddPadding
{
    /// <summary>The extra pixel goes to the bottom or right (transformers 4.52 and later, and the original code).</summary>
    BottomRight,

    /// <summary>
    /// The canvas stays one pixel short and the border tiles are enlarged to the tile's size (transformers up to 4.51).
    /// </summary>
    Short,
}
