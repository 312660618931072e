using System.Globalization;
using System.Text.Json;
using Sgl.Vision;

namespace Sgl.Verification.Internal;

/// <summary>Compares InternVL's tiling and pixels with a golden set's <c>images</c> folder (<c>grids.json</c>, <c>manifest.json</c> with <c>tiles.safetensors</c>).</summary>
internal static class ImageVerifier
{
    /// <summary>Size that the grid table was made for.</summary>
    private const int GridImageSize = 448;

    public static IEnumerable<CaseReport> Run(string folder)
    {
        var grids = Path.Combine(folder, "grids.json");
        if (File.Exists(grids))
        {
            yield return Grids(grids);
        }

        var tiles = Path.Combine(folder, "tiles.safetensors");
        var manifest = Path.Combine(folder, "manifest.json");
        if (File.Exists(tiles) && File.Exists(manifest))
        {
            yield return Tiles(manifest, tiles);
        }
    }

    private static CaseReport Grids(string path)
    {
        var preprocessor = new InternVlPreprocessor(new InternVlImageOptions { ImageSize = GridImageSize });
        var comparison = new Comparison();
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        foreach (var entry in document.RootElement.EnumerateArray())
        {
            int Number(string key) => entry.GetProperty(key).GetInt32();
            var limits = new ImageLimits { MaxTiles = Number("max_num") };
            var (columns, rows) = preprocessor.ChooseGrid(Number("width"), Number("height"), limits);
            var tiles = preprocessor.Plan(Number("width"), Number("height"), limits).Tiles.Count;
            comparison.Identical("grid", [columns, rows, tiles], [Number("cols"), Number("rows"), Number("tiles_with_thumbnail")]);
        }

        return new CaseReport("images/grids", comparison.Checks);
    }

    private static CaseReport Tiles(string manifest, string path)
    {
        var comparison = new Comparison();
        using var document = JsonDocument.Parse(File.ReadAllBytes(manifest));
        using var golden = new GoldenTensors(path);
        var size = document.RootElement.GetProperty("image_size").GetInt32();
        var preprocessor = new InternVlPreprocessor(new InternVlImageOptions { ImageSize = size });
        foreach (var entry in document.RootElement.GetProperty("cases").EnumerateObject())
        {
            var shape = golden.Shape($"{entry.Name}.image_u8");
            var image = new RgbImage(shape[1], shape[0], golden.Bytes($"{entry.Name}.image_u8"));
            var input = preprocessor.Process(image, new ImageLimits { MaxTiles = entry.Value.GetProperty("max_num").GetInt32() });
            comparison.Identical("tiles", [input.Shape[0]], [entry.Value.GetProperty("tiles").GetInt32()]);
            comparison.Floats(string.Create(CultureInfo.InvariantCulture, $"{entry.Name}.pixel_values"), input.PixelValues, golden.Floats($"{entry.Name}.pixel_values"), 0);
        }

        return new CaseReport("images/tiles", comparison.Checks);
    }
}
