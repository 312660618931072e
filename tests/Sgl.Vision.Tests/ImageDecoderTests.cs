using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Sgl.Rendering;

namespace Sgl.Vision.Tests;

public class ImageDecoderTests
{
    private static readonly ImageDecoder Decoder = new();

    /// <summary>As Pillow's <c>Image.open(...).convert("RGB")</c>.</summary>
    private static readonly ImageDecoder AsStored = new(new ImageDecoderOptions { ApplyExifOrientation = false, Alpha = AlphaHandling.Drop });

    public static TheoryData<string> FileNames { get; } = [.. VisionData.Oracle.Files.Select(f => f.Name)];

    public static TheoryData<string, double> Cuts
    {
        get
        {
            var cuts = new TheoryData<string, double>();
            foreach (var name in (ReadOnlySpan<string>)
                ["rgb.png", "adam7.png", "textured.jpg", "progressive.jpg", "lossless.webp", "lossy.webp", "still.gif", "rgb.bmp"])
            {
                foreach (var share in (ReadOnlySpan<double>)[0.3, 0.6, 0.9])
                {
                    cuts.Add(name, share);
                }
            }

            return cuts;
        }
    }

    [Theory]
    [MemberData(nameof(FileNames))]
    public void Decode_OracleFile_EqualsPillow(string name)
    {
        var expected = VisionData.Oracle.Files.Single(f => f.Name == name);
        var image = AsStored.Decode(VisionData.ImageFile(name));
        Assert.Equal((expected.Width, expected.Height), (image.Width, image.Height));
        Assert.Equal(expected.Sha256, VisionData.Sha256(image.Pixels));
    }

    [Theory]
    [MemberData(nameof(FileNames))]
    public void Decode_ExifOrientationApplied_EqualsPillowTransposed(string name)
    {
        var expected = VisionData.Oracle.Files.Single(f => f.Name == name);
        var image = new ImageDecoder(new ImageDecoderOptions { Alpha = AlphaHandling.Drop }).Decode(VisionData.ImageFile(name));
        Assert.Equal((expected.UprightWidth, expected.UprightHeight), (image.Width, image.Height));
        Assert.Equal(expected.UprightSha256, VisionData.Sha256(image.Pixels));
    }

    [Theory]
    [MemberData(nameof(Cuts))]
    public void Decode_FileCutShort_IsTruncated(string name, double share)
    {
        var bytes = VisionData.ImageFile(name);
        var cut = bytes.AsSpan(0, (int)(bytes.Length * share)).ToArray();
        Assert.Equal(ImageErrorReason.Truncated, Reason(cut));
    }

    [Fact]
    public void Decode_NoBytes_IsEmpty() => Assert.Equal(ImageErrorReason.Empty, Reason([]));

    [Theory]
    [InlineData("This is a text file, not an image.")]
    [InlineData("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")]
    [InlineData("%PDF-1.7")]
    [InlineData("II*\0")]
    [InlineData("II+\0")]
    [InlineData("B")]
    public void Decode_OtherFiles_AreUnsupported(string text) =>
        Assert.Equal(ImageErrorReason.UnsupportedFormat, Reason(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Decode_TooManyBytes_IsRefused()
    {
        var bytes = VisionData.ImageFile("rgb.png");
        var decoder = new ImageDecoder(new ImageDecoderOptions { MaxBytes = bytes.Length - 1 });
        Assert.Equal(ImageErrorReason.TooManyBytes, Assert.Throws<ImageException>(() => decoder.Decode(bytes)).Reason);
    }

    [Theory]
    [InlineData("rgb.png")]
    [InlineData("progressive.jpg")]
    [InlineData("lossy.webp")]
    [InlineData("still.gif")]
    [InlineData("palette.bmp")]
    public void Decode_PixelLimit_IsTheLastAccepted(string name)
    {
        var bytes = VisionData.ImageFile(name);
        Assert.Equal(45, new ImageDecoder(new ImageDecoderOptions { MaxPixels = 45 * 31 }).Decode(bytes).Width);
        var strict = new ImageDecoder(new ImageDecoderOptions { MaxPixels = (45 * 31) - 1 });
        Assert.Equal(ImageErrorReason.TooManyPixels, Assert.Throws<ImageException>(() => strict.Decode(bytes)).Reason);
    }

    [Fact]
    public void Decode_HugePng_IsRefusedQuicklyWithoutMemory()
    {
        var bomb = PngBomb(30_000, 30_000);
        Assert.Equal(ImageErrorReason.TooManyPixels, Reason(bomb)); // the first call loads the native library
        var before = PeakMemory();
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(ImageErrorReason.TooManyPixels, Reason(bomb));
        }

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(2), $"20 refusals took {watch.Elapsed}.");
        Assert.True(PeakMemory() - before < 200L << 20, "Pixels of a refused image were held in memory.");
    }

    [Fact]
    public void Decode_HugeJpegHeader_IsRefused()
    {
        var bytes = VisionData.ImageFile("progressive.jpg");
        var frame = bytes.AsSpan().IndexOf<byte>([0xFF, 0xC2]);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(frame + 5), 65_000);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(frame + 7), 65_000);
        Assert.Equal(ImageErrorReason.TooManyPixels, Reason(bytes));
    }

    [Fact]
    public void Decode_ManyThreads_GiveTheRightPixelsBesideErrors()
    {
        var files = VisionData.Oracle.Files.Select(f => (f.Sha256, Bytes: VisionData.ImageFile(f.Name))).ToArray();
        _ = Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            var (sha, bytes) = files[i % files.Length];
            if (i % 3 == 0)
            {
                _ = Assert.Throws<ImageException>(() => AsStored.Decode(bytes.AsMemory(0, bytes.Length / 3)));
            }
            else
            {
                Assert.Equal(sha, VisionData.Sha256(AsStored.Decode(bytes).Pixels));
            }
        });
    }

    [Fact]
    public void Decode_CorruptFile_ErrorNamesNothingInternal()
    {
        var bytes = VisionData.ImageFile("rgb.png");
        bytes.AsSpan(45, 40).Fill(0xAA);
        var error = Assert.Throws<ImageException>(() => Decoder.Decode(bytes));
        Assert.Equal(ImageErrorReason.Corrupt, error.Reason);
        Assert.Equal("The PNG image is damaged.", error.Message);
    }

    private static ImageErrorReason Reason(byte[] bytes) => Assert.Throws<ImageException>(() => Decoder.Decode(bytes)).Reason;

    private static long PeakMemory()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    /// <summary>A valid, white, one-bit PNG: 112 MB of zeros that compress to some hundred kilobytes would be its data; the header is enough.</summary>
    private static byte[] PngBomb(int width, int height)
    {
        var bytes = PngWriter.Encode(RgbImage.Create(8, 8));
        PngChunks.Claim(bytes, width, height);
        return bytes;
    }
}
