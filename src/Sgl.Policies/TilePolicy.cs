namespace Sgl.Policies;

/// <summary>Which tiles of an image the large model encodes.</summary>
public enum TilePolicy
{
    /// <summary>All of them.</summary>
    All,

    /// <summary>Those that the small model's importance does not rule out; docs/guided-tiles.md.</summary>
    Guided,
}
