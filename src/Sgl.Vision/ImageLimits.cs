namespace Sgl.Vision;

/// <summary>The limits that a family knows.</summary>
[Flags]
public enum ImageLimitKinds
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary><see cref="ImageLimits.MinTiles"/>.</summary>
    MinTiles = 1,

    /// <summary><see cref="ImageLimits.MaxTiles"/>.</summary>
    MaxTiles = 2,

    /// <summary><see cref="ImageLimits.MinPixels"/>.</summary>
    MinPixels = 4,

    /// <summary><see cref="ImageLimits.MaxPixels"/>.</summary>
    MaxPixels = 8,

    /// <summary>All.</summary>
    All = MinTiles | MaxTiles | MinPixels | MaxPixels,
}

/// <summary>
/// A request's own limits in place of the checkpoint's. A preprocessor ignores what its family does not know
/// (<see cref="IImagePreprocessor.KnownLimits"/>); a service refuses it.
/// </summary>
public sealed record ImageLimits
{
    /// <summary>InternVL: fewest tiles of the dynamic grid.</summary>
    public int? MinTiles { get; init; }

    /// <summary>InternVL: most tiles of the dynamic grid. LLaVA-OneVision: the 9 of <c>anyres_max_9</c>.</summary>
    public int? MaxTiles { get; init; }

    /// <summary>Qwen2-VL: fewest pixels after resizing.</summary>
    public long? MinPixels { get; init; }

    /// <summary>Qwen2-VL: most pixels after resizing.</summary>
    public long? MaxPixels { get; init; }
}
