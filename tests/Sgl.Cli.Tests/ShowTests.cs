using Sgl.TestKit;
using Sgl.Vision;

namespace Sgl.Cli.Tests;

public sealed class ShowTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Show_TwoImages_WritesARowOfPicturesForEach()
    {
        var (one, two) = (_folder.Combine("new", "one.png"), _folder.Combine("new", "two.png"));

        var run = (await SglProcess.RunAsync("show", "How many circles are there?", "--image", Samples.Image("wide.png"), "--out", one, "--top", "3")).Succeeded();
        (await SglProcess.RunAsync(
            "show", "How many circles are there?", "--image", Samples.Image("wide.png"), "--image", Samples.Image("wide.png"), "--ratios", "0.64,0.35,0.09", "--out", two)).Succeeded();

        Assert.Contains($"picture  {one}", run.Output, StringComparison.Ordinal);
        Assert.Contains(run.Lines, l => l.StartsWith("scores   decision 0.", StringComparison.Ordinal) || l.StartsWith("scores   decision 1.", StringComparison.Ordinal));
        Assert.Equal(3, run.Lines.Count(l => l.Contains("wide.png", StringComparison.Ordinal) && l.Contains('%', StringComparison.Ordinal)));
        var (first, second) = (Decode(one), Decode(two));
        Assert.Equal(2, Math.Round((double)second.Width / first.Width)); // four panels in a row against two
        Assert.True(Colours(first) > 50);
    }

    private static RgbImage Decode(string path) => new ImageDecoder().Decode(File.ReadAllBytes(path));

    private static int Colours(RgbImage image)
    {
        var colours = new HashSet<int>();
        for (var i = 0; i < image.Pixels.Length; i += 3)
        {
            colours.Add((image.Pixels[i] << 16) | (image.Pixels[i + 1] << 8) | image.Pixels[i + 2]);
        }

        return colours.Count;
    }
}
