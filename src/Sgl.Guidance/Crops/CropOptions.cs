namespace Sgl.Guidance;

/// <summary>How parts of images are chosen.</summary>
public sealed record CropOptions
{
    /// <summary>Cells along the longer side of an image, at most: what bounds the work.</summary>
    internal const int MostCells = 32;

    /// <summary>Share of the weight that the parts hold together, 0 to 1.</summary>
    /// <value>Default 0.7.</value>
    public double Coverage { get; init; } = 0.7;

    /// <summary>Most parts of one image, at least 1.</summary>
    /// <value>Default 4.</value>
    public int MaxCrops { get; init; } = 4;

    /// <summary>Borders of parts fall on multiples of this many pixels, or on the image's own; at least 1. The side of what the engine makes one token or tile of wastes nothing.</summary>
    /// <value>Default 28.</value>
    public int Grid { get; init; } = 28;

    /// <summary>Cells of the grid that are added around what is important, 0 to 32: what belongs to it begins beside it.</summary>
    /// <value>Default 1.</value>
    public int Margin { get; init; } = 1;

    /// <summary>Where the parts would hold more than this share of an image's pixels it is sent whole, 0 to 1.</summary>
    /// <value>Default 0.7.</value>
    public double WholeShare { get; init; } = 0.7;
}
