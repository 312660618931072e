using Sgl.TestKit;
using Sgl.Vision;

namespace Sgl.Rendering.Tests;

public class PngWriterTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 200)]
    [InlineData(200, 3)]
    [InlineData(257, 131)]
    public void Encode_AnySize_DecodesToTheSamePixels(int width, int height)
    {
        var image = new RgbImage(width, height, Textures.Blocks(width, height, width));

        var decoded = new ImageDecoder().Decode(PngWriter.Encode(image));

        Assert.Equal((width, height), (decoded.Width, decoded.Height));
        Assert.Equal(image.Pixels, decoded.Pixels);
    }

    [Fact]
    public void Write_Path_ReplacesTheFile()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("a.png", new byte[100_000]);
        var image = new RgbImage(5, 4, Textures.Blocks(5, 4, 1));

        PngWriter.Write(path, image);

        Assert.Equal(PngWriter.Encode(image), File.ReadAllBytes(path));
    }
}
