using System.Buffers.Binary;
using System.Numerics;

namespace Sgl.Vision.Internal;

/// <summary>
/// Windows bitmaps: 1-, 4- and 8-bit palette, 16-, 24- and 32-bit colour, bit fields with and without alpha; no run lengths. (The libvips
/// package has no loader for them.)
/// </summary>
internal static class BmpReader
{
    private const int FileHeaderBytes = 14;

    public static ImageHeader ReadHeader(ReadOnlySpan<byte> data)
    {
        var header = Parse(data);
        return new ImageHeader { Format = ImageFormat.Bmp, Width = header.Width, Height = header.Height, PeakBytes = PeakMemory.Of(header.Width, header.Height, 0) };
    }

    public static RgbImage Read(ReadOnlySpan<byte> data, ImageDecoderOptions options, CancellationToken cancellationToken)
    {
        var header = Parse(data);
        var stride = ((((long)header.Width * header.BitsPerPixel) + 31) / 32) * 4;
        if (header.PixelOffset < FileHeaderBytes || header.PixelOffset > data.Length)
        {
            throw Corrupt();
        }

        if (stride * header.Height > data.Length - header.PixelOffset)
        {
            throw Truncated();
        }

        var image = new RgbImage(header.Width, header.Height, GC.AllocateUninitializedArray<byte>(3 * header.Width * header.Height));
        var palette = header.BitsPerPixel <= 8 ? ReadPalette(data, header) : [];
        var masks = header.BitsPerPixel is 16 or 32 ? header.Masks : default;
        var pixels = data[(int)header.PixelOffset..];
        if (options.Alpha == AlphaHandling.Drop || !IsAnyOpaque(pixels, header, stride, cancellationToken))
        {
            masks = masks with { Alpha = 0 };
        }

        for (var y = 0; y < header.Height; y++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var row = pixels.Slice((int)(stride * y), (int)stride);
            var target = image.Row(header.TopDown ? y : header.Height - 1 - y);
            switch (header.BitsPerPixel)
            {
                case 24:
                    for (var i = 0; i < target.Length; i += 3)
                    {
                        target[i] = row[i + 2];
                        target[i + 1] = row[i + 1];
                        target[i + 2] = row[i];
                    }

                    break;
                case 16:
                    for (int i = 0, o = 0; o < target.Length; i += 2, o += 3)
                    {
                        masks.Unpack(BinaryPrimitives.ReadUInt16LittleEndian(row[i..]), target[o..]);
                    }

                    break;
                case 32:
                    for (int i = 0, o = 0; o < target.Length; i += 4, o += 3)
                    {
                        masks.Unpack(BinaryPrimitives.ReadUInt32LittleEndian(row[i..]), target[o..]);
                    }

                    break;
                default:
                    UnpackPalette(row, header.BitsPerPixel, palette, target);
                    break;
            }
        }

        return image;
    }

    /// <summary>Many writers announce alpha and leave it zero throughout; every viewer shows such a bitmap as opaque.</summary>
    private static bool IsAnyOpaque(ReadOnlySpan<byte> pixels, Header header, long stride, CancellationToken cancellationToken)
    {
        var bytes = header.BitsPerPixel / 8;
        for (var y = 0; y < header.Height && header.Masks.Alpha != 0; y++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var row = pixels.Slice((int)(stride * y), header.Width * bytes);
            for (var i = 0; i < row.Length; i += bytes)
            {
                var pixel = bytes == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(row[i..]) : BinaryPrimitives.ReadUInt32LittleEndian(row[i..]);
                if ((pixel & header.Masks.Alpha) != 0)
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static Header Parse(ReadOnlySpan<byte> data)
    {
        if (data.Length < FileHeaderBytes + 12)
        {
            throw Truncated();
        }

        var pixelOffset = BinaryPrimitives.ReadUInt32LittleEndian(data[10..]);
        var headerBytes = BinaryPrimitives.ReadUInt32LittleEndian(data[FileHeaderBytes..]);
        if (headerBytes is not (12 or 40 or 52 or 56 or 64 or 108 or 124))
        {
            throw new ImageException(ImageErrorReason.UnsupportedFormat, "The BMP image has a header of an unknown kind.");
        }

        if (data.Length < FileHeaderBytes + headerBytes)
        {
            throw Truncated();
        }

        var info = data[FileHeaderBytes..];
        if (headerBytes == 12)
        {
            return Validate(new Header(
                BinaryPrimitives.ReadUInt16LittleEndian(info[4..]), BinaryPrimitives.ReadUInt16LittleEndian(info[6..]), false,
                BinaryPrimitives.ReadUInt16LittleEndian(info[10..]), pixelOffset, FileHeaderBytes + 12, 3, 0, default));
        }

        var width = BinaryPrimitives.ReadInt32LittleEndian(info[4..]);
        var height = BinaryPrimitives.ReadInt32LittleEndian(info[8..]);
        var bits = BinaryPrimitives.ReadUInt16LittleEndian(info[14..]);
        var compression = BinaryPrimitives.ReadUInt32LittleEndian(info[16..]);
        var colours = BinaryPrimitives.ReadUInt32LittleEndian(info[32..]);
        var masks = bits == 16 ? new Masks(0x7C00, 0x03E0, 0x001F, 0) : new Masks(0xFF0000, 0x00FF00, 0x0000FF, 0);
        var paletteOffset = FileHeaderBytes + (int)headerBytes;
        switch (compression)
        {
            case 0:
                break;
            case 3 or 6 when bits is 16 or 32:
                // Older headers carry the masks right after themselves, newer ones at the same place within.
                if (info.Length < 52)
                {
                    throw Truncated();
                }

                masks = new Masks(
                    BinaryPrimitives.ReadUInt32LittleEndian(info[40..]), BinaryPrimitives.ReadUInt32LittleEndian(info[44..]),
                    BinaryPrimitives.ReadUInt32LittleEndian(info[48..]), AlphaMask(info, headerBytes, compression));
                break;
            default:
                throw new ImageException(ImageErrorReason.UnsupportedFormat, "Compressed BMP images are not read.");
        }

        if (height == int.MinValue)
        {
            throw Corrupt();
        }

        return Validate(new Header(width, Math.Abs(height), height < 0, bits, pixelOffset, paletteOffset, 4, colours, masks));
    }

    private static Header Validate(Header header) => header.BitsPerPixel is 1 or 4 or 8 or 16 or 24 or 32
        ? header
        : throw new ImageException(ImageErrorReason.UnsupportedFormat, $"BMP images of {header.BitsPerPixel} bits a pixel are not read.");

    /// <summary>Headers of 56 bytes and more have the mask; behind shorter ones it follows where the kind of compression says so.</summary>
    private static uint AlphaMask(ReadOnlySpan<byte> info, uint headerBytes, uint compression) =>
        (headerBytes >= 56 || compression == 6) && info.Length >= 56 ? BinaryPrimitives.ReadUInt32LittleEndian(info[52..]) : 0;

    private static byte[] ReadPalette(ReadOnlySpan<byte> data, Header header)
    {
        var colours = header.Colours == 0 ? 1L << header.BitsPerPixel : Math.Min(header.Colours, 256);
        var room = (Math.Min(header.PixelOffset, data.Length) - header.PaletteOffset) / header.PaletteEntryBytes;
        if (room < colours)
        {
            throw Corrupt();
        }

        // Indices beyond a short palette are black.
        var palette = new byte[3 * 256];
        for (var i = 0; i < colours; i++)
        {
            var entry = data.Slice(header.PaletteOffset + (i * header.PaletteEntryBytes), 3);
            palette[3 * i] = entry[2];
            palette[(3 * i) + 1] = entry[1];
            palette[(3 * i) + 2] = entry[0];
        }

        return palette;
    }

    private static void UnpackPalette(ReadOnlySpan<byte> row, int bits, ReadOnlySpan<byte> palette, Span<byte> target)
    {
        var mask = (1 << bits) - 1;
        var perByte = 8 / bits;
        for (int x = 0, o = 0; o < target.Length; x++, o += 3)
        {
            var index = (row[x / perByte] >> (8 - (bits * ((x % perByte) + 1)))) & mask;
            palette.Slice(3 * index, 3).CopyTo(target[o..]);
        }
    }

    private static ImageException Truncated() => ImageErrors.Truncated(ImageFormat.Bmp);

    private static ImageException Corrupt() => ImageErrors.Corrupt(ImageFormat.Bmp);

    private readonly record struct Header(
        int Width, int Height, bool TopDown, int BitsPerPixel, long PixelOffset, int PaletteOffset, int PaletteEntryBytes, uint Colours,
        Masks Masks);

    private readonly record struct Masks(uint Red, uint Green, uint Blue, uint Alpha)
    {
        public void Unpack(uint pixel, Span<byte> rgb)
        {
            rgb[0] = Expand(pixel, Red);
            rgb[1] = Expand(pixel, Green);
            rgb[2] = Expand(pixel, Blue);
            if (Alpha != 0 && Expand(pixel, Alpha) is var alpha and < 255)
            {
                rgb[0] = SampleConverter.OnWhite(rgb[0], alpha);
                rgb[1] = SampleConverter.OnWhite(rgb[1], alpha);
                rgb[2] = SampleConverter.OnWhite(rgb[2], alpha);
            }
        }

        private static byte Expand(uint pixel, uint mask)
        {
            if (mask == 0)
            {
                return 0;
            }

            var shift = BitOperations.TrailingZeroCount(mask);
            var largest = (ulong)(mask >> shift);
            return (byte)(((pixel & mask) >> shift) * 255UL / largest);
        }
    }
}
