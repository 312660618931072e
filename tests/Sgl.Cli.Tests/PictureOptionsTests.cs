using System.Text.Json;
using Sgl.Rendering;
using Sgl.TestKit;
using Sgl.Vision;

namespace Sgl.Cli.Tests;

/// <summary><c>--stored-orientation</c> and <c>--drop-alpha</c>: what a command makes of a turned, see-through picture.</summary>
public sealed class PictureOptionsTests : IDisposable
{
    /// <summary>45 x 31 as stored, orientation 8, partly transparent.</summary>
    private static readonly string Turned = Path.Combine(SharedData.RepositoryRoot, "tests", "Sgl.Vision.Tests", "Data", "pictures", "turned_clear.png");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The importance that the small model finds is that of a plain picture which shows the same.</summary>
    [Theory]
    [InlineData(true, AlphaHandling.White)]
    [InlineData(false, AlphaHandling.White, "--stored-orientation")]
    [InlineData(true, AlphaHandling.Drop, "--drop-alpha")]
    public async Task Ask_Options_TheModelsSeeThatView(bool upright, AlphaHandling alpha, params string[] options)
    {
        var view = new ImageDecoder(new ImageDecoderOptions { ApplyExifOrientation = upright, Alpha = alpha }).Decode(await File.ReadAllBytesAsync(Turned));
        var (same, other) = (_folder.Combine("same.png"), _folder.Combine("other.png"));
        await File.WriteAllBytesAsync(same, PngWriter.Encode(view));
        await File.WriteAllBytesAsync(other, PngWriter.Encode(new ImageDecoder(new ImageDecoderOptions { ApplyExifOrientation = !upright, Alpha = alpha }).Decode(await File.ReadAllBytesAsync(Turned))));

        var found = await ImportanceAsync(Turned, options);

        Assert.True(Distance(found, await ImportanceAsync(same)) < 1e-3);
        Assert.True(Distance(found, await ImportanceAsync(other)) > 1e-2);
    }

    [Theory]
    [InlineData("ask", "q", "--router", "localhost:1", "--stored-orientation")]
    [InlineData("ask", "q", "--router", "localhost:1", "--drop-alpha")]
    public async Task Run_OptionBesideRunningServices_SaysWhoseSettingItIs(params string[] arguments)
    {
        var run = await SglProcess.RunAsync(arguments);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("Requests:ApplyExifOrientation", run.Error, StringComparison.Ordinal);
    }

    private static double Distance(double[] one, double[] other) => one.Zip(other, (a, b) => Math.Abs(a - b)).Max();

    private static async Task<double[]> ImportanceAsync(string image, params string[] options)
    {
        var run = (await SglProcess.RunAsync(["ask", "What is this?", "--image", image, "--threshold", "0", "--json", .. options])).Succeeded();
        using var document = JsonDocument.Parse(run.Output);
        return [.. document.RootElement.GetProperty("importance").EnumerateArray().Select(v => v.GetDouble())];
    }
}
