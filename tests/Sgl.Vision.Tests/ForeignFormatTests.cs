using NetVips;

namespace Sgl.Vision.Tests;

/// <summary>What is not on the list is refused, by name where people send it, and libvips' loaders for it are shut.</summary>
public class ForeignFormatTests
{
    private static readonly string[] Open = ["gifload_source", "jpegload_source", "pngload_source", "tiffload_source", "webpload_source"];

    public static TheoryData<string> Files { get; } = [.. Directory.GetFiles(VisionData.PathOf("foreign")).Select(f => Path.GetFileName(f)!).Order()];

    [Theory]
    [MemberData(nameof(Files))]
    public void Decode_RealFileOfAnotherFormat_IsRefused(string name)
    {
        var error = Assert.Throws<ImageException>(() => new ImageDecoder().Decode(Bytes(name)));
        Assert.Equal(ImageErrorReason.UnsupportedFormat, error.Reason);
    }

    [Theory]
    [InlineData("red.heic", "HEIC")]
    [InlineData("red.avif", "AVIF")]
    [InlineData("red.pdf", "PDF")]
    [InlineData("red.svg", "SVG")]
    [InlineData("red.jp2", "JPEG 2000")]
    [InlineData("red.ico", "ICO")]
    public void Decode_FormatThatPeopleSend_IsRefusedByName(string file, string name)
    {
        var error = Assert.Throws<ImageException>(() => new ImageDecoder().Decode(Bytes(file)));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains("send PNG, JPEG, WebP, GIF, BMP or TIFF", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mif1", "heic", "HEIC")]
    [InlineData("mif1", "avif", "AVIF")]
    [InlineData("msf1", "hevc", "HEIC")]
    [InlineData("mif1", "miaf", "HEIF")]
    [InlineData("avis", "msf1", "AVIF")]
    public void Decode_IsoContainer_IsNamedByItsBrands(string major, string compatible, string name)
    {
        byte[] file = [0, 0, 0, 20, .. "ftyp"u8, .. System.Text.Encoding.ASCII.GetBytes(major), 0, 0, 0, 0, .. System.Text.Encoding.ASCII.GetBytes(compatible), 0, 0, 0, 8];
        Assert.Contains(name, Assert.Throws<ImageException>(() => new ImageDecoder().Decode(file)).Message, StringComparison.Ordinal);
    }

    /// <summary>libvips itself, past this project's own check of the first bytes.</summary>
    [Theory]
    [MemberData(nameof(Files))]
    public void Libvips_RealFileOfAnotherFormat_FindsNoLoader(string name)
    {
        WarmUp();
        Assert.Throws<VipsException>(() => Image.NewFromBuffer(Bytes(name)));
        Assert.Throws<VipsException>(() => Image.NewFromFile(VisionData.PathOf("foreign", name)));
        using var source = Source.NewFromMemory(Bytes(name));
        Assert.Throws<VipsException>(() => Image.NewFromSource(source));
    }

    /// <summary>Every loader of the build by its own name, each with bytes that it would take.</summary>
    [Fact]
    public void Libvips_LoadersByName_AllButFiveAreShut()
    {
        WarmUp();
        var loaders = NetVips.NetVips.GetOperations().Where(o => o.Contains("load", StringComparison.Ordinal)).ToList();
        Assert.Superset(Open.ToHashSet(), loaders.ToHashSet());
        Assert.Contains("svgload_buffer", loaders);
        foreach (var loader in loaders.Except(Open))
        {
            var file = loader switch
            {
                _ when loader.StartsWith("heif", StringComparison.Ordinal) => VisionData.PathOf("foreign", "red.heic"),
                _ when loader.StartsWith("jpeg", StringComparison.Ordinal) => VisionData.PathOf("files", "baseline.jpg"),
                _ when loader.StartsWith("png", StringComparison.Ordinal) => VisionData.PathOf("files", "rgb.png"),
                _ when loader.StartsWith("gif", StringComparison.Ordinal) => VisionData.PathOf("files", "still.gif"),
                _ when loader.StartsWith("webp", StringComparison.Ordinal) => VisionData.PathOf("files", "lossy.webp"),
                _ when loader.StartsWith("tiff", StringComparison.Ordinal) => VisionData.PathOf("pictures", "lzw.tif"),
                _ => VisionData.PathOf("foreign", "red.svg"),
            };
            using var source = Source.NewFromFile(file);
            object argument = loader.EndsWith("_source", StringComparison.Ordinal) ? source
                : loader.EndsWith("_buffer", StringComparison.Ordinal) ? File.ReadAllBytes(file)
                : file;
            object[] arguments = loader == "rawload" ? [argument, 4, 4, 1] : [argument];
            var error = Assert.Throws<VipsException>(() => Operation.Call(loader, arguments));
            Assert.Contains($"{loader}: operation is blocked", error.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>The loaders that would run other programs or libraries are not even in the build, or shut with the rest.</summary>
    [Theory]
    [InlineData("magickload_buffer")]
    [InlineData("pdfload_buffer")]
    [InlineData("openslideload")]
    [InlineData("svgload_buffer")]
    [InlineData("jp2kload_buffer")]
    [InlineData("jxlload_buffer")]
    [InlineData("matload")]
    [InlineData("openexrload")]
    [InlineData("niftiload")]
    [InlineData("fitsload")]
    [InlineData("dcrawload_buffer")]
    [InlineData("vipsload")]
    [InlineData("csvload")]
    [InlineData("uhdrload_buffer")]
    public void Libvips_NamedLoader_CannotBeCalled(string loader)
    {
        WarmUp();
        object argument = loader.EndsWith("_buffer", StringComparison.Ordinal) ? Bytes("red.pdf") : VisionData.PathOf("foreign", "red.pdf");
        var error = Record.Exception(() => Operation.Call(loader, argument));
        Assert.NotNull(error);
        Assert.DoesNotContain(loader, Open);
    }

    private static byte[] Bytes(string name) => File.ReadAllBytes(VisionData.PathOf("foreign", name));

    /// <summary>libvips is shut when the first picture is decoded.</summary>
    private static void WarmUp() => Assert.Equal(45, new ImageDecoder().Decode(VisionData.ImageFile("rgb.png")).Width);
}
