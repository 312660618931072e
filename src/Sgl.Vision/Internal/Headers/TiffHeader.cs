namespace Sgl.Vision.Internal;

/// <summary>What the first page of a TIFF is, and how many there are. Everything that the reader does not take is refused here, by name.</summary>
internal static class TiffHeader
{
    private const int MostPages = 1 << 16, MostSegments = 1 << 20;

    private const ushort SubfileType = 254, ImageWidth = 256, ImageLength = 257, BitsPerSample = 258, Compression = 259, Photometric = 262, StripOffsets = 273,
        SamplesPerPixel = 277, RowsPerStrip = 278, StripByteCounts = 279, PlanarConfiguration = 284, ColorMap = 320, TileWidth = 322, TileLength = 323, TileOffsets = 324,
        TileByteCounts = 325, SubDirectories = 330, ExtraSamples = 338, SampleFormat = 339, JpegTables = 347, DngVersion = 50706;

    public static ImageHeader Read(ReadOnlySpan<byte> data)
    {
        if (!TiffDirectory.TryFirst(data, out var page))
        {
            throw ImageErrors.Truncated(ImageFormat.Tiff);
        }

        long width = page.Value(ImageWidth, 0), height = page.Value(ImageLength, 0);
        if (page.Count(DngVersion) > 0 || ((page.Value(SubfileType, 0) & 1) != 0 && page.Count(SubDirectories) > 0) || data[8..].StartsWith("CR"u8))
        {
            throw ImageErrors.Unsupported("The image is a camera's raw file, which is not read; send PNG, JPEG, WebP, GIF, BMP or TIFF.");
        }

        if (width is < 1 or > int.MaxValue || height is < 1 or > int.MaxValue)
        {
            throw ImageErrors.Corrupt(ImageFormat.Tiff);
        }

        if (!page.IsWhole(ColorMap) || !page.IsWhole(JpegTables))
        {
            throw ImageErrors.Truncated(ImageFormat.Tiff);
        }

        var samples = page.Value(SamplesPerPixel, 1);
        var bits = page.Value(BitsPerSample, 1);
        CheckKind(page, samples, bits);
        return new ImageHeader
        {
            Format = ImageFormat.Tiff,
            Width = (int)width,
            Height = (int)height,
            Orientation = ExifBlock.Orientation(page),
            PageCount = CountPages(page),
            // Colours multiplied with alpha (1) are divided by it again by libvips.
            IsExtraBandAlpha = page.Value(ExtraSamples, 0) is 1 or 2,
            PeakBytes = PeakMemory.Of(width, height, 0, (page.Value(Compression, 1) == 1 ? 1 : 2) * SegmentBytes(data, page, width, height, samples * bits)),
        };
    }

    private static void CheckKind(TiffDirectory page, long samples, long bits)
    {
        var compression = page.Value(Compression, 1);
        if (compression is not (1 or 2 or 3 or 4 or 5 or 7 or 8 or 32773 or 32946))
        {
            throw ImageErrors.Unsupported($"The TIFF image is compressed by method {compression}, which is not read; none, PackBits, LZW, deflate, JPEG and CCITT are.");
        }

        var photometric = page.Value(Photometric, -1);
        var colours = photometric switch { 0 or 1 or 3 => 1, 2 or 6 => 3, 5 => 4, _ => 0 };
        if (colours == 0 || samples < colours || samples > colours + 1 || (photometric == 6 && compression != 7))
        {
            throw ImageErrors.Unsupported("The TIFF image's colours are of a kind that is not read; gray, RGB, palette, CMYK and YCbCr in JPEG are.");
        }

        var sound = bits is 8 or 16 || (bits is 1 or 2 or 4 && samples == 1);
        for (var i = 0; i < samples && sound; i++)
        {
            sound = page.Value(BitsPerSample, 1, i) == bits && page.Value(SampleFormat, 1, i) == 1;
        }

        if (!sound)
        {
            throw ImageErrors.Unsupported("The TIFF image's samples are of a kind that is not read; unsigned integers of 8 and 16 bits are, and of 1, 2 and 4 bits alone.");
        }
    }

    /// <summary>Bytes of the largest strip or tile when unpacked; the strips and tiles must lie within the file.</summary>
    private static long SegmentBytes(ReadOnlySpan<byte> data, TiffDirectory page, long width, long height, long bitsPerPixel)
    {
        var tiled = page.Count(TileOffsets) > 0;
        var (offsets, counts) = tiled ? (TileOffsets, TileByteCounts) : (StripOffsets, StripByteCounts);
        long segmentWidth = tiled ? page.Value(TileWidth, 0) : width, segmentHeight = tiled ? page.Value(TileLength, 0) : Math.Min(height, page.Value(RowsPerStrip, height));
        if (segmentWidth is < 1 or > int.MaxValue || segmentHeight is < 1 or > int.MaxValue)
        {
            throw ImageErrors.Corrupt(ImageFormat.Tiff);
        }

        // A tile may be larger than the picture, but not without measure: its memory is taken whatever the picture's size.
        const int largestTile = 1 << 13;
        if (tiled && (segmentWidth > largestTile || segmentHeight > largestTile))
        {
            throw ImageErrors.Unsupported($"The TIFF image has tiles of {segmentWidth} x {segmentHeight} pixels; at most {largestTile} x {largestTile} are read.");
        }

        var planes = page.Value(PlanarConfiguration, 1) == 2 ? page.Value(SamplesPerPixel, 1) : 1;
        var expected = Segments(width, segmentWidth) * Segments(height, segmentHeight) * planes;
        if (expected > MostSegments || page.Count(offsets) < expected)
        {
            throw ImageErrors.Corrupt(ImageFormat.Tiff);
        }

        for (var i = 0; i < expected; i++)
        {
            long at = page.Value(offsets, -1, i), length = page.Value(counts, 0, i);
            if (at < 0 || at + length > data.Length)
            {
                throw ImageErrors.Truncated(ImageFormat.Tiff);
            }
        }

        // Both are below 2^31; as floating point the product cannot overflow.
        var bytes = (double)segmentWidth * segmentHeight * bitsPerPixel / 8;
        if (tiled)
        {
            bytes *= Segments(width, segmentWidth);
        }

        return (long)Math.Min(bytes, long.MaxValue / 16);

        static long Segments(long length, long segment) => (length + segment - 1) / segment;
    }

    private static int CountPages(TiffDirectory page)
    {
        // Directories come in any order; one that is met again, or more than any document has, ends the count.
        var seen = new HashSet<uint>();
        var pages = 1;
        for (var steps = 0; steps < MostPages && seen.Add(page.Next) && page.TryNext(out var next); steps++)
        {
            page = next;
            pages += (page.Value(SubfileType, 0) & 0b101) == 0 ? 1 : 0;
        }

        return pages;
    }
}
