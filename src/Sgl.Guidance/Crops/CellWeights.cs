namespace Sgl.Guidance;

/// <summary>An image laid out in square cells, and what each of them weighs.</summary>
internal sealed class CellWeights
{
    private readonly int _width;
    private readonly int _height;
    private readonly int _side;

    private CellWeights(CropImage image, int grid)
    {
        (_width, _height) = (image.Width, image.Height);
        var longest = Math.Max(_width, _height);
        var cells = (longest + grid - 1) / grid;
        _side = checked(grid * ((cells + CropOptions.MostCells - 1) / CropOptions.MostCells));
        Columns = (_width + _side - 1) / _side;
        Rows = (_height + _side - 1) / _side;
        Weights = new double[Columns * Rows];
    }

    public int Columns { get; }

    public int Rows { get; }

    /// <summary>One for each cell, row by row.</summary>
    public double[] Weights { get; }

    /// <summary>The importance of an image's cells.</summary>
    public static CellWeights Of(CropImage image, ReadOnlySpan<float> importance, int grid, string field)
    {
        if (image.Width < 1 || image.Height < 1)
        {
            throw new GuidanceException(field, $"has {image.Width} x {image.Height} pixels");
        }

        var cells = new CellWeights(image, grid);
        var parts = image.Grids.Any(g => !g.IsOverview);
        for (var g = 0; g < image.Grids.Count; g++)
        {
            Check(image.Grids[g], importance.Length, $"{field}.grids[{g}]");
            if (!parts || !image.Grids[g].IsOverview)
            {
                cells.Add(image.Grids[g], importance);
            }
        }

        return cells;
    }

    /// <summary>Leaves what is above the mean of all, where anything is.</summary>
    public static void SubtractMean(CellWeights[] all)
    {
        var count = all.Sum(c => c.Weights.Length);
        var mean = count == 0 ? 0 : all.Sum(c => c.Weights.Sum()) / count;
        if (!all.Any(c => c.Weights.Any(w => w - mean > 1e-9 * mean)))
        {
            return;
        }

        foreach (var cells in all)
        {
            for (var i = 0; i < cells.Weights.Length; i++)
            {
                cells.Weights[i] = Math.Max(0, cells.Weights[i] - mean);
            }
        }
    }

    /// <summary>One cell as a box of cells.</summary>
    public CropRectangle Box(int cell) => new(cell % Columns, cell / Columns, 1, 1);

    /// <summary>A box of cells in pixels.</summary>
    public CropRectangle Pixels(CropRectangle box)
    {
        var (x, y) = (box.X * _side, box.Y * _side);
        return new CropRectangle(x, y, Math.Min(_width, (box.X + box.Width) * _side) - x, Math.Min(_height, (box.Y + box.Height) * _side) - y);
    }

    private static void Check(TokenGrid grid, int tokens, string field)
    {
        var isFine = grid is { Rows: >= 0, Columns: >= 0, NewlineColumns: >= 0, FirstToken: >= 0 }
            && double.IsFinite(grid.X) && double.IsFinite(grid.Y) && double.IsFinite(grid.Width) && double.IsFinite(grid.Height) && grid.Width > 0 && grid.Height > 0;
        if (!isFine)
        {
            throw new GuidanceException(field, "is no rectangle with rows and columns of tokens");
        }

        if (grid.FirstToken + ((long)grid.Rows * ((long)grid.Columns + grid.NewlineColumns)) > tokens)
        {
            throw new GuidanceException(field, $"has tokens beyond the {tokens} of the importance");
        }
    }

    private void Add(TokenGrid grid, ReadOnlySpan<float> importance)
    {
        if (grid.Columns == 0)
        {
            return;
        }

        var (width, height) = (grid.Width / grid.Columns, grid.Height / grid.Rows);
        for (var row = 0; row < grid.Rows; row++)
        {
            for (var column = 0; column < grid.Columns; column++)
            {
                var token = grid.FirstToken + (row * (grid.Columns + grid.NewlineColumns)) + column;
                if (!float.IsFinite(importance[token]) || importance[token] < 0)
                {
                    throw new GuidanceException($"importance[{token}]", FormattableString.Invariant($"must be a finite number of at least 0, was {importance[token]}"));
                }

                Spread(importance[token], grid.X + (column * width), grid.Y + (row * height), width, height);
            }
        }
    }

    // What of a token lies beyond the image (padding) goes nowhere.
    private void Spread(double value, double x, double y, double width, double height)
    {
        var (left, right) = (Cell(x, Columns), Cell(x + width, Columns));
        var (top, bottom) = (Cell(y, Rows), Cell(y + height, Rows));
        for (var row = top; row <= bottom; row++)
        {
            var tall = Math.Min(y + height, Math.Min(_height, (row + 1) * _side)) - Math.Max(y, row * _side);
            for (var column = left; column <= right; column++)
            {
                var wide = Math.Min(x + width, Math.Min(_width, (column + 1) * _side)) - Math.Max(x, column * _side);
                if (tall > 0 && wide > 0)
                {
                    Weights[(row * Columns) + column] += value * (tall * wide / (width * height));
                }
            }
        }
    }

    private int Cell(double at, int count) => (int)Math.Clamp(Math.Floor(at / _side), 0, count - 1);
}
