namespace Sgl.Guidance;

/// <summary>A rectangle of whole pixels.</summary>
/// <param name="X">Left border.</param>
/// <param name="Y">Upper border.</param>
/// <param name="Width">Width, above 0.</param>
/// <param name="Height">Height, above 0.</param>
public readonly record struct CropRectangle(int X, int Y, int Width, int Height)
{
    /// <summary>Pixels.</summary>
    public long Area => (long)Width * Height;

    /// <summary>The smallest rectangle that holds both.</summary>
    public CropRectangle Union(CropRectangle other)
    {
        var (x, y) = (Math.Min(X, other.X), Math.Min(Y, other.Y));
        return new CropRectangle(x, y, Math.Max(X + Width, other.X + other.Width) - x, Math.Max(Y + Height, other.Y + other.Height) - y);
    }

    /// <summary>Pixels that both hold.</summary>
    public long Overlap(CropRectangle other) =>
        Math.Max(0L, Math.Min(X + Width, other.X + other.Width) - Math.Max(X, other.X)) * Math.Max(0L, Math.Min(Y + Height, other.Y + other.Height) - Math.Max(Y, other.Y));

    /// <summary>Whether all of the other one lies inside.</summary>
    public bool Contains(CropRectangle other) => Overlap(other) == other.Area;
}
