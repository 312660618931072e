namespace Sgl.Vision.Tests;

/// <summary>What people send, against Pillow in every bit: orientations, transparency, TIFF, kinds of JPEG (<c>Data/make_pictures.py</c>).</summary>
public class PictureTests
{
    private static readonly ImageDecoder AsSeen = new();
    private static readonly ImageDecoder AsStored = new(new ImageDecoderOptions { ApplyExifOrientation = false, Alpha = AlphaHandling.Drop });

    public static TheoryData<string> Names { get; } = [.. VisionData.Pictures.Select(p => p.Name)];

    [Fact]
    public void Pictures_OfTheCorpus_CoverTheKinds()
    {
        Assert.Equal(4, VisionData.Pictures.Where(p => p.Name.StartsWith("turned3.", StringComparison.Ordinal)).Count());
        Assert.All(Enumerable.Range(1, 8), turn => Assert.True(VisionData.Pictures.Count(p => p.Orientation == turn) >= 4));
        Assert.True(VisionData.Pictures.Count(p => p.Name.EndsWith(".tif", StringComparison.Ordinal)) >= 60);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Decode_AsPeopleSeeIt_IsUprightAndOnWhite(string name)
    {
        var expected = Case(name);
        var image = AsSeen.Decode(VisionData.PictureBytes(name));
        Assert.Equal((expected.UprightWidth, expected.UprightHeight), (image.Width, image.Height));
        Assert.Equal(expected.UprightSha256, VisionData.Sha256(image.Pixels));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Decode_AsStored_EqualsPillowsConvert(string name)
    {
        var expected = Case(name);
        var image = AsStored.Decode(VisionData.PictureBytes(name));
        Assert.Equal((expected.Width, expected.Height), (image.Width, image.Height));
        Assert.Equal(expected.Sha256, VisionData.Sha256(image.Pixels));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void ReadHeader_AnyPicture_TellsSizeTurnAndPages(string name)
    {
        var expected = Case(name);
        var header = AsSeen.ReadHeader(VisionData.PictureBytes(name));
        Assert.Equal((expected.Width, expected.Height, expected.Orientation, expected.Pages), (header.Width, header.Height, header.Orientation, header.PageCount));
        Assert.Equal((expected.UprightWidth, expected.UprightHeight), header.SizeAs(new ImageDecoderOptions()));
        Assert.Equal((expected.Width, expected.Height), header.SizeAs(new ImageDecoderOptions { ApplyExifOrientation = false }));
        Assert.True(header.PeakBytes > header.RgbBytes);
    }

    /// <summary>Each choice alone: neither may bring the other with it.</summary>
    [Fact]
    public void Decode_OneChoiceAlone_LeavesTheOther()
    {
        var bytes = VisionData.PictureBytes("turned_clear.png");
        var upright = new ImageDecoder(new ImageDecoderOptions { Alpha = AlphaHandling.Drop }).Decode(bytes);
        var white = new ImageDecoder(new ImageDecoderOptions { ApplyExifOrientation = false }).Decode(bytes);
        var both = AsSeen.Decode(bytes);
        Assert.Equal((31, 45), (upright.Width, upright.Height));
        Assert.Equal((45, 31), (white.Width, white.Height));
        for (var y = 0; y < both.Height; y++)
        {
            for (var x = 0; x < both.Width; x++)
            {
                // Orientation 8: the upright column x is the stored row from the top, the upright row counts the stored columns from the right.
                Assert.Equal(both.Row(y).Slice(3 * x, 3).ToArray(), white.Row(x).Slice(3 * (white.Width - 1 - y), 3).ToArray());
            }
        }

        Assert.NotEqual(both.Pixels, upright.Pixels);
    }

    [Fact]
    public void Decode_TiffWithColoursMultipliedByAlpha_LooksLikeTheStraightOne()
    {
        var straight = AsSeen.Decode(VisionData.PictureBytes("clear.tif"));
        var multiplied = AsSeen.Decode(VisionData.PictureBytes("clear_multiplied.tif"));
        Assert.All(straight.Pixels.Zip(multiplied.Pixels), p => Assert.InRange(p.First - p.Second, -1, 1));
    }

    [Fact]
    public void ViewKey_EachChoice_ChangesIt()
    {
        var keys = new[]
        {
            new ImageDecoderOptions(),
            new ImageDecoderOptions { ApplyExifOrientation = false },
            new ImageDecoderOptions { Alpha = AlphaHandling.Drop },
            new ImageDecoderOptions { ApplyExifOrientation = false, Alpha = AlphaHandling.Drop },
        }.Select(o => o.ViewKey);
        Assert.Equal(4, keys.Distinct().Count());
    }

    private static VisionData.PictureCase Case(string name) => VisionData.Pictures.Single(p => p.Name == name);
}
