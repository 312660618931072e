namespace Sgl.Vision;

/// <summary>A request's own limits in place of the checkpoint's. What a family does not know is ignored by it.</summary>
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
