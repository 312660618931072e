namespace Sgl.Guidance;

/// <summary>An image and where its visual tokens are.</summary>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="Grids">Its tokens.</param>
public sealed record CropImage(int Width, int Height, IReadOnlyList<TokenGrid> Grids);
