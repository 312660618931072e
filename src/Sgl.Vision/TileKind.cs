namespace Sgl.Vision;

/// <summary>What a rectangle of visual tokens shows.</summary>
public enum TileKind
{
    /// <summary>InternVL: one cell of the dynamic grid.</summary>
    Tile,

    /// <summary>InternVL: the whole image, after the tiles.</summary>
    Thumbnail,

    /// <summary>LLaVA-OneVision: the whole image squashed to one view, before the rest.</summary>
    Base,

    /// <summary>LLaVA-OneVision: the views joined to one grid, padding removed, possibly reduced, a newline token after each row.</summary>
    Packed,

    /// <summary>Qwen2-VL: the whole image in its own resolution.</summary>
    Image,
}
