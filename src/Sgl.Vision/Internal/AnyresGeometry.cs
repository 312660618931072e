namespace Sgl.Vision.Internal;

/// <summary>LLaVA-OneVision's geometry for one image: canvas, position of the image on it, and the packed token grid.</summary>
/// <param name="CanvasWidth">Columns of the canvas (the best resolution).</param>
/// <param name="CanvasHeight">Rows of the canvas.</param>
/// <param name="ResizedWidth">Columns of the image on the canvas.</param>
/// <param name="ResizedHeight">Rows of the image on the canvas.</param>
/// <param name="Packed">The packed token grid.</param>
internal sealed record AnyresGeometry(
    int CanvasWidth, int CanvasHeight, int ResizedWidth, int ResizedHeight, PackedGeometry Packed)
{
    /// <summary>Column of the image's left edge on the canvas.</summary>
    public int Left => (CanvasWidth - ResizedWidth) / 2;

    /// <summary>Row of the image's upper edge on the canvas.</summary>
    public int Top => (CanvasHeight - ResizedHeight) / 2;

    public static AnyresGeometry Create(
        int width, int height, IReadOnlyList<(int Height, int Width)> pinpoints, int imageSize, int tokensPerSide, int maxTiles)
    {
        var (canvasHeight, canvasWidth) = BestResolution(width, height, pinpoints);
        var (resizedWidth, resizedHeight) = FitInto(width, height, canvasWidth, canvasHeight);
        int gridRows = canvasHeight / imageSize, gridColumns = canvasWidth / imageSize;
        var packed = Pack(width, height, gridRows, gridColumns, tokensPerSide, maxTiles);
        return new AnyresGeometry(canvasWidth, canvasHeight, resizedWidth, resizedHeight, packed);
    }

    /// <summary>The canvas that keeps most pixels of the image; among equals the one that wastes least, then the first listed.</summary>
    private static (int Height, int Width) BestResolution(int width, int height, IReadOnlyList<(int Height, int Width)> pinpoints)
    {
        var best = pinpoints[0];
        long mostKept = 0, leastWasted = long.MaxValue;
        foreach (var candidate in pinpoints)
        {
            var scale = Math.Min((double)candidate.Width / width, (double)candidate.Height / height);
            var kept = Math.Min((long)(int)(width * scale) * (int)(height * scale), (long)width * height);
            var wasted = ((long)candidate.Width * candidate.Height) - kept;
            if (kept > mostKept || (kept == mostKept && wasted < leastWasted))
            {
                (best, mostKept, leastWasted) = (candidate, kept, wasted);
            }
        }

        return best;
    }

    private static (int Width, int Height) FitInto(int width, int height, int canvasWidth, int canvasHeight)
    {
        double scaleWidth = (double)canvasWidth / width, scaleHeight = (double)canvasHeight / height;
        return scaleWidth < scaleHeight
            ? (canvasWidth, (int)Math.Min(Math.Ceiling(height * scaleWidth), canvasHeight))
            : ((int)Math.Min(Math.Ceiling(width * scaleHeight), canvasWidth), canvasHeight);
    }

    private static PackedGeometry Pack(int width, int height, int gridRows, int gridColumns, int side, int maxTiles)
    {
        int rows = gridRows * side, columns = gridColumns * side, firstRow = 0, firstColumn = 0;
        if ((double)width / height > (double)columns / rows)
        {
            // Seven digits: without them a product such as 26.999999999 would lose a row.
            var unpadded = (int)Math.Round(height * ((double)columns / width), 7);
            firstRow = (rows - unpadded) / 2;
            rows -= 2 * firstRow;
        }
        else
        {
            var unpadded = (int)Math.Round(width * ((double)rows / height), 7);
            firstColumn = (columns - unpadded) / 2;
            columns -= 2 * firstColumn;
        }

        int finalRows = rows, finalColumns = columns;
        var ratio = Math.Sqrt((double)((long)rows * columns) / ((long)maxTiles * side * side));
        if (ratio > 1.1)
        {
            finalRows = FloorDivide(rows, ratio);
            finalColumns = FloorDivide(columns, ratio);
        }

        if (finalRows < 1 || finalColumns < 1)
        {
            throw new ImageException(
                ImageErrorReason.AspectRatio,
                $"The image is {width} x {height} pixels; its short side would hold no visual token.");
        }

        return new PackedGeometry(gridRows, gridColumns, side, firstRow, firstColumn, rows, columns, finalRows, finalColumns);
    }

    /// <summary>
    /// Python's <c>//</c> of floats: through the exact remainder, so that 135 // (135 / 81.0) is 80 where the rounded quotient is 81.
    /// </summary>
    private static int FloorDivide(double dividend, double divisor) =>
        (int)Math.Round((dividend - (dividend % divisor)) / divisor);
}
