namespace Sgl.Policies;

/// <summary>Where a policy prunes: at a layer or at a share of the layers, one of the two.</summary>
public sealed record PolicyPrunePoint
{
    /// <summary>K, 0-based; null where <see cref="LayerFraction"/> tells.</summary>
    public int? Layer { get; init; }

    /// <summary>f in K = int(L f), 0 to 1.</summary>
    public double? LayerFraction { get; init; }

    /// <summary>r, the share of visual tokens that stay, 0 to 1.</summary>
    public required double KeepRatio { get; init; }

    internal bool IsValid => KeepRatio is >= 0 and <= 1 && Layer is null != LayerFraction is null && Layer is null or >= 0 && LayerFraction is null or (>= 0 and <= 1);
}
