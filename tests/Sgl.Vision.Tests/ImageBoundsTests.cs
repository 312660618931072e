using System.Buffers.Binary;
using Sgl.Rendering;

namespace Sgl.Vision.Tests;

/// <summary>Sides and ratios are bounded by the header, in every format; what decoding takes is known from it.</summary>
public class ImageBoundsTests
{
    private static readonly ImageDecoder Decoder = new();

    public static TheoryData<string> Formats { get; } = ["rgb.png", "baseline.jpg", "progressive.jpg", "lossless.webp", "lossy.webp", "still.gif", "rgb.bmp"];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Decode_LongSide_IsRefusedByTheHeader(string name)
    {
        var decoder = new ImageDecoder(new ImageDecoderOptions { MaxSide = 44 });
        Assert.Equal(ImageErrorReason.SideTooLong, Reason(decoder, VisionData.ImageFile(name)));
        Assert.Equal(45, new ImageDecoder(new ImageDecoderOptions { MaxSide = 45 }).Decode(VisionData.ImageFile(name)).Width);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Decode_ThinPicture_IsRefusedByTheHeader(string name)
    {
        var thin = Resized(VisionData.ImageFile(name), 1, 16_000);
        Assert.Equal(ImageErrorReason.AspectRatio, Reason(Decoder, thin));
        Assert.Equal(ImageErrorReason.AspectRatio, Reason(Decoder, Resized(VisionData.ImageFile(name), 16_000, 1)));
    }

    [Fact]
    public void Decode_ThinTiff_IsRefusedByTheHeader()
    {
        var bytes = VisionData.PictureBytes("lzw.tif");
        BinaryPrimitives.WriteUInt32LittleEndian(TiffValue(bytes, 256), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(TiffValue(bytes, 257), 6_390_000);
        BinaryPrimitives.WriteUInt32LittleEndian(TiffValue(bytes, 278), 6_390_000);
        Assert.Equal(ImageErrorReason.SideTooLong, Reason(Decoder, bytes));
        BinaryPrimitives.WriteUInt32LittleEndian(TiffValue(bytes, 256), 4_000_000_000);
        Assert.Equal(ImageErrorReason.Corrupt, Reason(Decoder, bytes));
    }

    [Theory]
    [InlineData(1, 6_390_000)]
    [InlineData(1, 6_400_000)]
    [InlineData(6_400_000, 1)]
    [InlineData(3, 32_769)]
    [InlineData(32_769, 1_000)]
    public void Decode_ThinPng_IsRefusedByTheHeader(int width, int height) =>
        Assert.Equal(ImageErrorReason.SideTooLong, Reason(Decoder, Resized(VisionData.ImageFile("rgb.png"), width, height)));

    [Fact]
    public void Decode_LimitsOfSideAndRatio_AreTheLastAccepted()
    {
        var tall = PngWriter.Encode(RgbImage.Create(33, 32_768));
        Assert.Equal(32_768, Decoder.Decode(tall).Height);
        var thin = PngWriter.Encode(RgbImage.Create(1, 1000));
        Assert.Equal(1000, Decoder.Decode(thin).Height);
        Assert.Equal(ImageErrorReason.AspectRatio, Reason(Decoder, PngWriter.Encode(RgbImage.Create(1001, 1))));
    }

    [Fact]
    public void Decode_TiffWithHugeTiles_IsRefused()
    {
        var bytes = VisionData.PictureBytes("none_tiled.tif");
        BinaryPrimitives.WriteUInt16LittleEndian(TiffValue(bytes, 322), 65_520);
        BinaryPrimitives.WriteUInt16LittleEndian(TiffValue(bytes, 323), 65_520);
        Assert.Equal(ImageErrorReason.UnsupportedFormat, Reason(Decoder, bytes));
    }

    [Fact]
    public void Decode_TiffOfAnUnknownCompression_IsNamed()
    {
        var bytes = VisionData.PictureBytes("none.tif");
        BinaryPrimitives.WriteUInt16LittleEndian(TiffValue(bytes, 259), 34_712);
        var error = Assert.Throws<ImageException>(() => Decoder.Decode(bytes));
        Assert.Equal(ImageErrorReason.UnsupportedFormat, error.Reason);
        Assert.Contains("34712", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lzw.tif")]
    [InlineData("g4.tif")]
    [InlineData("jpeg.tif")]
    [InlineData("zip_tiled.tif")]
    [InlineData("none_mm.tif")]
    public void Decode_TiffCutShort_IsTruncatedOrDamaged(string name)
    {
        var bytes = VisionData.PictureBytes(name);
        foreach (var share in (ReadOnlySpan<double>)[0.02, 0.3, 0.6, 0.95])
        {
            Assert.Contains(Reason(Decoder, bytes[..(int)(bytes.Length * share)]), new[] { ImageErrorReason.Truncated, ImageErrorReason.Corrupt, ImageErrorReason.UnsupportedFormat });
        }
    }

    /// <summary>Interlaced 16-bit RGBA is there twice, eight bytes a pixel, and once as RGB: 19 bytes.</summary>
    [Fact]
    public void ReadHeader_InterlacedOf16Bits_CountsItsFrames()
    {
        var bytes = VisionData.PictureBytes("clear16.png");
        var plain = Decoder.ReadHeader(bytes).PeakBytes;
        bytes[28] = 1; // interlaced
        Assert.Equal(16 * 45 * 31, Decoder.ReadHeader(bytes).PeakBytes - plain);
    }

    [Theory]
    [InlineData("s420.jpg", "s420_progressive.jpg", 3)]
    [InlineData("s422.jpg", "s422_progressive.jpg", 4)]
    [InlineData("s444.jpg", "s444_progressive.jpg", 6)]
    [InlineData("cmyk_adobe.jpg", "cmyk_progressive.jpg", 8)]
    public void ReadHeader_ProgressiveJpeg_CountsItsCoefficients(string baseline, string progressive, int bytesPerPixel)
    {
        var header = Decoder.ReadHeader(VisionData.PictureBytes(progressive));
        var more = header.PeakBytes - Decoder.ReadHeader(VisionData.PictureBytes(baseline)).PeakBytes;
        Assert.Equal((long)bytesPerPixel * header.Width * header.Height, more);
    }

    /// <summary>WebP above 100 MB of samples was "damaged": libvips unpacks it into a file, and that is shut. Lossless and one colour: small and quick.</summary>
    [Fact]
    public void Decode_WebPAbove25Megapixels_IsRead()
    {
        var image = Decoder.Decode(File.ReadAllBytes(VisionData.PathOf("pictures", "large.webp_")));
        Assert.Equal((5200, 5100), (image.Width, image.Height));
        Assert.Equal([40, 90, 160], image.Row(5099)[^3..].ToArray());
    }

    [Fact]
    public void Decode_CancelledWhileReading_ReadsNoFurther()
    {
        foreach (var name in (ReadOnlySpan<string>)["large.png_", "large.jpg_", "large_progressive.jpg_"])
        {
            using var stop = new CancellationTokenSource();
            using var file = new WatchedBytes(File.ReadAllBytes(VisionData.PathOf("pictures", name)), reads: 6, stop);
            Assert.ThrowsAny<OperationCanceledException>(() => Decoder.Decode(file.Memory, stop.Token));
            Assert.True(stop.IsCancellationRequested);
            Assert.InRange(file.Reads, 6, 9);
        }
    }

    [Theory]
    [InlineData("lossy.webp")]
    [InlineData("still.gif")]
    [InlineData("rgb.bmp")]
    [InlineData("adam7.png")]
    public void Decode_Cancelled_GivesNoPicture(string name)
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => Decoder.Decode(VisionData.ImageFile(name), stop.Token));
    }

    private static ImageErrorReason Reason(ImageDecoder decoder, byte[] bytes) => Assert.Throws<ImageException>(() => decoder.Decode(bytes)).Reason;

    /// <summary>The file with another size in its header.</summary>
    private static byte[] Resized(byte[] bytes, int width, int height)
    {
        switch (bytes)
        {
            case [0x89, ..]:
                BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), width);
                BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(20), height);
                break;
            case [0xFF, ..]:
                var frame = Math.Max(bytes.AsSpan().IndexOf<byte>([0xFF, 0xC0, 0, 17]), bytes.AsSpan().IndexOf<byte>([0xFF, 0xC2, 0, 17]));
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(frame + 5), (ushort)height);
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(frame + 7), (ushort)width);
                break;
            case [(byte)'G', ..]:
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(6), (ushort)width);
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)height);
                break;
            case [(byte)'B', ..]:
                BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(18), width);
                BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(22), height);
                break;
            default:
                if (bytes[15] == 'L')
                {
                    var bits = (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(21)) & 0xF0000000) | (uint)(width - 1) | ((uint)(height - 1) << 14);
                    BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(21), bits);
                }
                else
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(26), (ushort)width);
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(28), (ushort)height);
                }

                break;
        }

        return bytes;
    }

    /// <summary>Where a TIFF in Intel order has the value of a tag.</summary>
    private static Span<byte> TiffValue(byte[] bytes, ushort tag)
    {
        var directory = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4));
        var at = Enumerable.Range(0, BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(directory)))
            .Select(i => directory + 2 + (12 * i))
            .First(i => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(i)) == tag);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(at + 2), (ushort)(tag is 256 or 257 or 278 ? 4 : 3));
        return bytes.AsSpan(at + 8, 4);
    }
}
