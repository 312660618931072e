using Sgl.Evaluation;
using Sgl.Experiments.Internal;
using Sgl.Vision;

namespace Sgl.Experiments;

/// <summary>Writes a plot as SVG and as PNG.</summary>
public static class PlotFiles
{
    /// <summary>Writes <c>{name}.svg</c> and <c>{name}.png</c> (twice the size) into a folder.</summary>
    public static void Write(Plot plot, string folder, string name)
    {
        ArgumentNullException.ThrowIfNull(plot);
        Directory.CreateDirectory(folder);
        var svg = plot.ToSvg();
        File.WriteAllText(Path.Combine(folder, name + ".svg"), svg);
        PngWriter.Write(Path.Combine(folder, name + ".png"), SvgRaster.Draw(svg));
    }
}
