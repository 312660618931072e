namespace Sgl.Vision.Internal;

/// <summary>
/// An image that is filled with the rows of the stored picture, from the top, and is upright when all are there: the eight EXIF orientations
/// (tag 0x0112) without a second copy of the pixels.
/// </summary>
internal sealed class UprightImage
{
    private readonly int _storedWidth;
    private readonly int _first;
    private readonly int _columnStep;
    private readonly int _rowStep;
    private readonly byte[]? _row;

    /// <param name="width">Columns as stored.</param>
    /// <param name="height">Rows as stored.</param>
    /// <param name="orientation">1 to 8.</param>
    public UprightImage(int width, int height, int orientation)
    {
        // 5 to 8 exchange rows and columns. In 2, 3, 7 and 8 the stored columns, in 3, 4, 6 and 7 the stored rows are counted from the far side.
        var swaps = orientation >= 5;
        var (mirrorColumns, mirrorRows) = (orientation is 2 or 3 or 7 or 8, orientation is 3 or 4 or 6 or 7);
        var (outWidth, outHeight) = swaps ? (height, width) : (width, height);
        Image = new RgbImage(outWidth, outHeight, GC.AllocateUninitializedArray<byte>(checked(3 * width * height)));
        _storedWidth = width;
        var (columnStep, rowStep) = swaps ? (3 * outWidth, 3) : (3, 3 * outWidth);
        _first = (mirrorColumns ? columnStep * (width - 1) : 0) + (mirrorRows ? rowStep * (height - 1) : 0);
        _columnStep = mirrorColumns ? -columnStep : columnStep;
        _rowStep = mirrorRows ? -rowStep : rowStep;
        _row = _columnStep == 3 ? null : new byte[3 * width];
    }

    /// <summary>The upright picture.</summary>
    public RgbImage Image { get; }

    /// <summary>Where to write a stored row, 3 bytes a pixel; <see cref="Commit"/> puts it in its place.</summary>
    public Span<byte> Row(int y) => _row ?? Image.Pixels.AsSpan(_first + (y * _rowStep), 3 * _storedWidth);

    /// <summary>Called after a row was written.</summary>
    public void Commit(int y)
    {
        if (_row is null)
        {
            return;
        }

        var pixels = Image.Pixels;
        var at = _first + (y * _rowStep);
        for (var i = 0; i < _row.Length; i += 3, at += _columnStep)
        {
            pixels[at] = _row[i];
            pixels[at + 1] = _row[i + 1];
            pixels[at + 2] = _row[i + 2];
        }
    }
}
