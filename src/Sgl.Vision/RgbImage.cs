namespace Sgl.Vision;

/// <summary>
/// An image of 8-bit RGB pixels, as the reference preprocessing sees it after <c>Image.convert("RGB")</c>.
/// </summary>
public sealed class RgbImage
{
    /// <summary>Wraps pixels without copying them.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">[height, width, 3] row-major, exactly <c>3 * width * height</c> bytes.</param>
    /// <exception cref="ArgumentException">The array's length does not fit the size.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentNullException.ThrowIfNull(pixels);
        if (pixels.LongLength != 3L * width * height)
        {
            throw new ArgumentException($"{pixels.LongLength} bytes do not make {width} x {height} RGB pixels.", nameof(pixels));
        }

        Width = width;
        Height = height;
        Pixels = pixels;
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>[height, width, 3], row-major, red first.</summary>
    public byte[] Pixels { get; }

    /// <summary>One row of pixels, <c>3 * Width</c> bytes.</summary>
    /// <param name="y">Row, from the top.</param>
    public Span<byte> Row(int y) => Pixels.AsSpan(y * Width * 3, Width * 3);

    /// <summary>A black image.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    public static RgbImage Create(int width, int height) => new(width, height, new byte[checked(3 * width * height)]);

    /// <summary>A copy of a rectangle, which must lie inside the image.</summary>
    /// <param name="x">First column.</param>
    /// <param name="y">First row.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    public RgbImage Crop(int x, int y, int width, int height)
    {
        CheckInside(x, y, width, height);
        var crop = new RgbImage(width, height, GC.AllocateUninitializedArray<byte>(3 * width * height));
        for (var row = 0; row < height; row++)
        {
            Row(y + row).Slice(3 * x, 3 * width).CopyTo(crop.Row(row));
        }

        return crop;
    }

    /// <summary>Copies another image into this one; it must fit.</summary>
    /// <param name="other">What to copy.</param>
    /// <param name="x">Column of its left edge.</param>
    /// <param name="y">Row of its upper edge.</param>
    public void Paste(RgbImage other, int x, int y)
    {
        ArgumentNullException.ThrowIfNull(other);
        CheckInside(x, y, other.Width, other.Height);
        for (var row = 0; row < other.Height; row++)
        {
            other.Row(row).CopyTo(Row(y + row)[(3 * x)..]);
        }
    }

    private void CheckInside(int x, int y, int width, int height)
    {
        if (x < 0 || y < 0 || width < 1 || height < 1 || x > Width - width || y > Height - height)
        {
            throw new ArgumentException($"The rectangle {width} x {height} at ({x}, {y}) is not inside {Width} x {Height} pixels.");
        }
    }
}
