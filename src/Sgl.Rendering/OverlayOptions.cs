namespace Sgl.Rendering;

/// <summary>Where the thumbnail (InternVL) or base view (LLaVA-OneVision) is drawn.</summary>
public enum ThumbnailPlacement
{
    /// <summary>To the left of the picture, hiding nothing of it.</summary>
    Beside,

    /// <summary>In the lower left corner of the picture, as in the paper's Figure 5.</summary>
    Corner,

    /// <summary>Not at all.</summary>
    Hidden,
}

/// <summary>How <see cref="TokenOverlay"/> draws.</summary>
public sealed record OverlayOptions
{
    /// <summary>Longer side of the picture in pixels; the image is enlarged or reduced to it.</summary>
    public int PictureSide { get; init; } = 896;

    /// <summary>Where the thumbnail or base view goes.</summary>
    public ThumbnailPlacement Thumbnail { get; init; } = ThumbnailPlacement.Beside;

    /// <summary>Longer side of the thumbnail, as a share of the picture's.</summary>
    public double ThumbnailShare { get; init; } = 0.36;

    /// <summary>Draw the borders between tiles.</summary>
    public bool TileBorders { get; init; } = true;

    /// <summary>How far dropped tokens fade into <see cref="Dimmed"/>; 0 not at all, 1 completely.</summary>
    public double Dimming { get; init; } = 0.72;

    /// <summary>What dropped tokens fade into.</summary>
    public Rgb Dimmed { get; init; } = new(24, 26, 38);

    /// <summary>The line around kept tokens.</summary>
    public Rgb Outline { get; init; } = new(255, 122, 26);

    /// <summary>The lines between tiles.</summary>
    public Rgb TileBorder { get; init; } = new(110, 190, 255);

    /// <summary>Behind and between pictures.</summary>
    public Rgb Background { get; init; } = new(255, 255, 255);

    /// <summary>Captions.</summary>
    public Rgb Text { get; init; } = new(40, 42, 54);
}
