using CsCheck;
using Sgl.TestKit;

namespace Sgl.Models.Tests.Positions;

/// <summary>What the towers over patches are fed beside the pixels.</summary>
public sealed class TowerInputsTests
{
    private static readonly Gen<(int H, int W)> Grids = Gen.Select(Gen.Int[1, 14], Gen.Int[1, 14]).Select((h, w) => (2 * h, 2 * w));

    [Fact]
    public void Inputs_Windows_HoldThePatchesWhoseTokensShareAWindow() =>
        Gen.Select(Grids, Gen.Int[1, 6], Gen.Int[1, 2]).Sample((grid, side, frames) =>
        {
            var inputs = VisionGraph.Inputs(Windowed(side), (frames, grid.H, grid.W));
            var (rows, lengths, slots) = (Rows(inputs, "window_rows"), inputs.OfType<TowerInput.Lengths>().Single(), Rows(inputs, "window_slots").Values);
            long windows = rows.Shape[0], longest = rows.Shape[1];
            Assert.Equal(frames * grid.H * grid.W, lengths.Values.Sum());
            Assert.Equal(windows, lengths.Values.Length);
            Assert.Equal(longest, lengths.Values.Max());

            // Where each patch lies, in the order of the merge blocks, and which window that is.
            var window = new List<(int, int, int)>();
            for (var patch = 0; patch < frames * grid.H * grid.W; patch++)
            {
                var block = patch / 4 % (grid.H / 2 * (grid.W / 2));
                window.Add((patch / (grid.H * grid.W), block / (grid.W / 2) / side, block % (grid.W / 2) / side));
            }

            Assert.Equal(window.Distinct().Count(), windows);
            for (var patch = 0; patch < window.Count; patch++)
            {
                Assert.Equal(patch, rows.Values[slots[patch]]);
                var own = (int)(slots[patch] / longest);
                Assert.True(slots[patch] % longest < lengths.Values[own]);
                var others = rows.Values.AsSpan((int)(own * longest), lengths.Values[own]).ToArray();
                Assert.Equal(Enumerable.Range(0, window.Count).Where(p => window[p] == window[patch]).Select(p => (long)p), others);
            }

            Assert.All(rows.Values, r => Assert.InRange(r, 0, window.Count - 1));
        });

    [SkippableTheory]
    [InlineData("wide", "small", 2)]
    [InlineData("wide", "large", 4)]
    [InlineData("tall_downscaled", "small", 2)]
    [InlineData("tall_downscaled", "large", 4)]
    [InlineData("tiny_upscaled", "small", 2)]
    public void Inputs_WindowsOfGoldenCase_EqualReference(string name, string model, int side)
    {
        var grid = TestSafetensors.Open(SharedData.Require("goldens-families-2", "cases", "qwen25vl", name, "inputs.safetensors")).Longs("image_grid_thw");
        var golden = TestSafetensors.Open(SharedData.Require("goldens-families-2", "cases", "qwen25vl", name, $"{model}.safetensors"));
        var inputs = VisionGraph.Inputs(Windowed(side), (1, (int)grid[1], (int)grid[2]));
        var rows = Rows(inputs, "window_rows");
        var lengths = inputs.OfType<TowerInput.Lengths>().Single().Values;

        // Theirs lists merged tokens window by window, and where each window ends in patches.
        var order = lengths.SelectMany((count, window) => rows.Values.Skip((int)(window * rows.Shape[1])).Take(count)).Where((_, i) => i % 4 == 0).Select(p => p / 4);
        Assert.Equal(golden.Longs("window_index"), order);
        var ends = golden.Longs("cu_window_seqlens");
        Assert.Equal(ends.Zip(ends.Skip(1), (a, b) => b - a).Where(n => n > 0), lengths.Select(n => (long)n));
    }

    [Fact]
    public void Inputs_InterpolatedPositions_StretchTheGridOverTheTable() =>
        Gen.Select(Grids, Gen.Int[1, 48], Gen.Int[1, 2]).Sample((grid, side, frames) =>
        {
            var inputs = VisionGraph.Inputs(Interpolated(side), (frames, grid.H, grid.W));
            var rows = Rows(inputs, "position_rows");
            var weights = inputs.OfType<TowerInput.Floats>().Single(i => i.Name == "position_weights").Values;
            var patches = frames * grid.H * grid.W;
            Assert.Equal([4, patches], rows.Shape);
            for (var patch = 0; patch < patches; patch++)
            {
                var (block, inside) = Math.DivRem(patch % (grid.H * grid.W), 4);
                var (y, x) = ((block / (grid.W / 2) * 2) + (inside / 2), (block % (grid.W / 2) * 2) + (inside % 2));
                double sum = 0, atY = 0, atX = 0;
                for (var corner = 0; corner < 4; corner++)
                {
                    var (row, weight) = (rows.Values[(corner * patches) + patch], weights[(corner * patches) + patch]);
                    Assert.InRange(row, 0, (side * side) - 1);
                    Assert.InRange(weight, 0, 1);
                    (sum, atY, atX) = (sum + weight, atY + (weight * (row / side)), atX + (weight * (row % side)));
                }

                // A bilinear sum gives back a table of coordinates.
                Assert.Equal(1, sum, 5);
                Assert.Equal((side - 1.0) * y / (grid.H - 1), atY, 3e-5);
                Assert.Equal((side - 1.0) * x / (grid.W - 1), atX, 3e-5);
            }
        });

    [SkippableTheory]
    [InlineData("wide", "small")]
    [InlineData("wide", "large")]
    [InlineData("tall_downscaled", "small")]
    [InlineData("tiny_upscaled", "large")]
    public void Inputs_InterpolatedPositionsOfGoldenCase_EqualReference(string name, string model)
    {
        var grid = TestSafetensors.Open(SharedData.Require("goldens-families-2", "cases", "qwen3vl", name, "inputs.safetensors")).Longs("image_grid_thw");
        var golden = TestSafetensors.Open(SharedData.Require("goldens-families-2", "cases", "qwen3vl", name, $"{model}.safetensors")).Floats("vision_pos_embed");
        using var checkpoint = Checkpoint.Open(SharedData.Require("goldens-families-2", "checkpoints", $"{model}-qwen3vl"));
        var table = checkpoint.Weights.ReadFloat32("model.visual.pos_embed.weight");
        var inputs = VisionGraph.Inputs(checkpoint.Config.Vision, (1, (int)grid[1], (int)grid[2]));
        var rows = Rows(inputs, "position_rows").Values;
        var weights = inputs.OfType<TowerInput.Floats>().Single(i => i.Name == "position_weights").Values;
        var (width, patches) = (checkpoint.Config.Vision.HiddenSize, rows.Length / 4);
        for (var i = 0; i < golden.Length; i++)
        {
            var actual = Enumerable.Range(0, 4).Sum(c => weights[(c * patches) + (i / width)] * table[((int)rows[(c * patches) + (i / width)] * width) + (i % width)]);
            Assert.Equal(golden[i], actual, 1e-6f);
        }
    }

    [Fact]
    public void Inputs_TilesOrBrokenGrid_AreNothingOrRefused()
    {
        Assert.Empty(VisionGraph.Inputs(Windowed(2) with { Architecture = VisionArchitecture.InternVit }, (1, 4, 4)));
        Assert.Throws<ArgumentException>(() => VisionGraph.Inputs(Windowed(2), (1, 3, 4)));
        Assert.Throws<ArgumentException>(() => VisionGraph.Inputs(Interpolated(4), (1, 4, 0)));
    }

    private static TowerInput.Rows Rows(IReadOnlyList<TowerInput> inputs, string name) => inputs.OfType<TowerInput.Rows>().Single(i => i.Name == name);

    private static VisionConfig Windowed(int side) => new()
    {
        Architecture = VisionArchitecture.Qwen25Vl,
        Layers = 1,
        HiddenSize = 16,
        Heads = 1,
        IntermediateSize = 1,
        PatchSize = 14,
        MergeSize = 2,
        WindowTokens = side,
    };

    private static VisionConfig Interpolated(int side) => Windowed(1) with { Architecture = VisionArchitecture.Qwen3Vl, PositionSide = side };
}
