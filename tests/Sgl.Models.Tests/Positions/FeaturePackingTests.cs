using System.Text.Json;
using CsCheck;
using Sgl.TestKit;
using Sgl.Vision;

namespace Sgl.Models.Tests.Positions;

public sealed class FeaturePackingTests
{
    [SkippableTheory]
    [InlineData(33, 29)]
    [InlineData(480, 640)]
    [InlineData(1080, 1920)]
    [InlineData(100, 3000)]
    public void Pack_HubGeometry_EqualsReference(int height, int width)
    {
        var golden = TestSafetensors.Open(SharedData.Require("goldens-families", "geometry", "llavaov_pack.safetensors"));
        var features = golden.Floats($"{height}x{width}.features");
        var expected = golden.Floats($"{height}x{width}.packed");
        var packed = new float[expected.Length];
        var layout = new LlavaOneVisionPreprocessor(new LlavaOneVisionImageOptions()).Plan(width, height);
        Assert.Equal(expected.Length / 2, layout.TokenCount);
        FeaturePacking.Pack(features, 729, 2, Geometry(height, width), golden.Floats($"{height}x{width}.newline"), packed);
        Assert.Equal(expected, packed);
    }

    [SkippableTheory]
    [InlineData("wide", "small")]
    [InlineData("wide", "large")]
    [InlineData("large_downscaled", "small")]
    [InlineData("large_downscaled", "large")]
    [InlineData("small_upscaled", "small")]
    [InlineData("small_upscaled", "large")]
    public void Pack_GoldenCase_EqualsReference(string name, string model)
    {
        var folder = SharedData.Require("goldens-families", "cases", "llavaov", name);
        using var checkpoint = Checkpoint.Open(SharedData.Require("goldens-families", "checkpoints", $"{model}-llavaov"));
        var inputs = TestSafetensors.Open(Path.Combine(folder, "inputs.safetensors"));
        var golden = TestSafetensors.Open(Path.Combine(folder, $"{model}.safetensors"));
        var shape = inputs.Shape("image_u8");
        var image = new RgbImage(shape[1], shape[0], inputs.Bytes("image_u8"));
        var input = checkpoint.Preprocessor.Process(image);
        Assert.Equal(inputs.Floats("pixel_values"), input.PixelValues);
        var expected = golden.Floats("vision_features");
        var hidden = checkpoint.Config.Language.HiddenSize;
        Assert.Equal(expected.Length / hidden, FeaturePacking.TokenCount(checkpoint.Config.TokensPerTile, input.Packed));
        var packed = new float[expected.Length];
        var newline = checkpoint.Weights.ReadFloat32(checkpoint.Vision.ImageNewline!);
        FeaturePacking.Pack(golden.Floats("projected"), checkpoint.Config.TokensPerTile, hidden, input.Packed, newline, packed);
        for (var i = 0; i < packed.Length; i++)
        {
            Assert.InRange(packed[i], expected[i] - 5e-6f, expected[i] + 5e-6f);
        }
    }

    [Fact]
    public void Pack_OnlyTheBaseView_AppendsOneNewline()
    {
        var packed = new float[10];
        FeaturePacking.Pack([1, 2, 3, 4, 5, 6, 7, 8], 4, 2, null, [9, 10], packed);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], packed);
    }

    [Fact]
    public void Pack_LinearRamp_StaysInsideItsRangeWhenReduced() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 3], Gen.Int[2, 4], Gen.Int[1, 6], Gen.Int[1, 6]).Sample((gridRows, gridColumns, side, rows, columns) =>
        {
            int height = gridRows * side, width = gridColumns * side;
            var geometry = new PackedGeometry(gridRows, gridColumns, side, 0, 0, height, width, Math.Min(rows, height), Math.Min(columns, width));
            var features = new float[(1 + (gridRows * gridColumns)) * side * side];
            for (var y = 0; y < height; y++)
            {
                for (var x = 0; x < width; x++)
                {
                    var view = 1 + (y / side * gridColumns) + (x / side);
                    features[(view * side * side) + (y % side * side) + (x % side)] = x + (100 * y);
                }
            }

            var packed = new float[(side * side) + geometry.TokenCount];
            FeaturePacking.Pack(features, side * side, 1, geometry, [-1], packed);
            for (var y = 0; y < geometry.Rows; y++)
            {
                var row = packed.AsSpan((side * side) + (y * (geometry.Columns + 1)), geometry.Columns + 1);
                Assert.Equal(-1, row[^1]);
                for (var x = 0; x < geometry.Columns; x++)
                {
                    // A bilinear reduction of a plane samples the plane where the target cell's centre lies.
                    var sourceX = Math.Max(((x + 0.5) * width / geometry.Columns) - 0.5, 0);
                    var sourceY = Math.Max(((y + 0.5) * height / geometry.Rows) - 0.5, 0);
                    Assert.Equal(sourceX + (100 * sourceY), row[x], 3);
                }
            }
        });

    [Fact]
    public void Pack_WrongSizes_Throws()
    {
        var geometry = new PackedGeometry(1, 1, 2, 0, 0, 2, 2, 2, 2);
        Assert.Throws<ArgumentOutOfRangeException>(() => FeaturePacking.Pack(new float[7], 4, 1, geometry, new float[1], new float[10]));
        Assert.Throws<ArgumentOutOfRangeException>(() => FeaturePacking.Pack(new float[8], 4, 1, geometry, new float[2], new float[10]));
        Assert.Throws<ArgumentOutOfRangeException>(() => FeaturePacking.Pack(new float[8], 4, 1, geometry, new float[1], new float[9]));
    }

    private static PackedGeometry Geometry(int height, int width)
    {
        using var cases = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("goldens-families", "geometry", "llavaov_pack.json")));
        var entry = cases.RootElement.EnumerateArray().FirstOrDefault(e => e.GetProperty("height").GetInt32() == height && e.GetProperty("width").GetInt32() == width);
        Assert.Equal(JsonValueKind.Object, entry.ValueKind);
        (int, int) Pair(string key) => (entry.GetProperty(key)[0].GetInt32(), entry.GetProperty(key)[1].GetInt32());
        var (best, offset, unpadded, final) = (Pair("best"), Pair("unpad_offset"), Pair("unpadded"), Pair("final"));
        return new PackedGeometry(best.Item1 / 384, best.Item2 / 384, 27, offset.Item1, offset.Item2, unpadded.Item1, unpadded.Item2, final.Item1, final.Item2);
    }
}
