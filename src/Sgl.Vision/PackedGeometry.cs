namespace Sgl.Vision;

/// <summary>
/// How LLaVA-OneVision joins the features of an image's views (all but the base view) to one grid: views side by side, rows and
/// columns of padding removed, reduced bilinearly where there would be too many, one newline column added.
/// </summary>
/// <param name="GridRows">Rows of views.</param>
/// <param name="GridColumns">Columns of views.</param>
/// <param name="TokensPerSide">Token rows and columns of a view (27 for 384 pixels and patches of 14).</param>
/// <param name="FirstRow">First token row that is kept of <c>GridRows * TokensPerSide</c>.</param>
/// <param name="FirstColumn">First token column that is kept of <c>GridColumns * TokensPerSide</c>.</param>
/// <param name="UnpaddedRows">Token rows kept.</param>
/// <param name="UnpaddedColumns">Token columns kept.</param>
/// <param name="Rows">Token rows after the reduction.</param>
/// <param name="Columns">Token columns after the reduction, without the newline column.</param>
public sealed record PackedGeometry(
    int GridRows, int GridColumns, int TokensPerSide, int FirstRow, int FirstColumn, int UnpaddedRows, int UnpaddedColumns, int Rows,
    int Columns)
{
    /// <summary>Whether the grid is reduced bilinearly (align_corners false, no antialiasing).</summary>
    public bool IsReduced => Rows != UnpaddedRows || Columns != UnpaddedColumns;

    /// <summary>Tokens of the packed grid, one newline a row included.</summary>
    public int TokenCount => Rows * (Columns + 1);
}
