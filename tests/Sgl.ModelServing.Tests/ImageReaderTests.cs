using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

public sealed class ImageReaderTests
{
    [Fact]
    public void Read_GoodImages_DecodesThemInOrder()
    {
        var images = Read(new RequestLimits(), out var violations, TestImages.Png(40, 30), TestImages.Png(3, 5));

        Assert.Empty(violations.All);
        Assert.Equal([(40, 30), (3, 5)], images.Select(i => (i.Width, i.Height)));
    }

    [Fact]
    public void Read_BadOnesAmongGoodOnes_NamesEachWithItsReason()
    {
        Read(
            new RequestLimits(),
            out var violations,
            TestImages.TextFile("cat.png"),
            TestImages.Png(8, 8),
            TestImages.TruncatedJpeg(),
            TestImages.Bomb(),
            new Wire.Image());

        var found = violations.All.OrderBy(v => v.Field, StringComparer.Ordinal).ToList();
        Assert.Equal(["images[0].data", "images[2].data", "images[3].data", "images[4].data"], found.Select(v => v.Field));
        Assert.StartsWith("cat.png: ", found[0].Description, StringComparison.Ordinal);
        Assert.Contains("not a PNG, JPEG", found[0].Description, StringComparison.Ordinal);
        Assert.Contains("64000000", found[2].Description, StringComparison.Ordinal);
        Assert.Contains("empty", found[3].Description, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MoreImagesThanAllowed_DecodesNone()
    {
        var images = Read(new RequestLimits(), out var violations, [.. Enumerable.Repeat(TestImages.TextFile(), 9)]);

        Assert.Equal(("images", "at most 8 images are accepted, found 9"), (violations.All.Single().Field, violations.All.Single().Description));
        Assert.Empty(images);
    }

    [Fact]
    public void Read_TooManyBytes_NamesImage()
    {
        Read(new RequestLimits { MaxImageBytes = 100 }, out var violations, TestImages.Png(64, 64));
        Assert.Equal("images[0].data", violations.All.Single().Field);
    }

    [Fact]
    public void Read_TooManyPixelsTogether_NamesTheList()
    {
        Read(new RequestLimits { MaxRequestPixels = 150 }, out var violations, TestImages.Png(10, 10), TestImages.Png(10, 10), TestImages.TextFile());
        Assert.Equal("images", violations.All.Single().Field);
    }

    private static IReadOnlyList<Sgl.Vision.RgbImage> Read(RequestLimits limits, out ViolationList violations, params Wire.Image[] images)
    {
        violations = new ViolationList();
        var reader = new ImageReader(limits);
        var headers = reader.ReadHeaders(images, 8, "images", violations);
        return reader.Decode(images, headers, "images", violations, CancellationToken.None);
    }
}
