namespace Sgl.Guidance;

/// <summary>A grid of visual tokens and the rectangle of its image that it shows, in pixels.</summary>
/// <param name="X">Left border.</param>
/// <param name="Y">Upper border.</param>
/// <param name="Width">Width, above 0.</param>
/// <param name="Height">Height, above 0.</param>
/// <param name="Rows">Rows of tokens.</param>
/// <param name="Columns">Columns that show the image.</param>
/// <param name="FirstToken">Number of the first token, counted over the whole prompt; the others follow in row-major order.</param>
/// <param name="NewlineColumns">Columns at the end of each row that hold separators and show nothing.</param>
/// <param name="IsOverview">Whether it shows the image as a whole beside grids that show its parts (a thumbnail, a base view): those tell better where something is.</param>
public sealed record TokenGrid(double X, double Y, double Width, double Height, int Rows, int Columns, int FirstToken, int NewlineColumns = 0, bool IsOverview = false)
{
    /// <summary>Tokens of the grid, separators included.</summary>
    public int TokenCount => Rows * (Columns + NewlineColumns);
}
