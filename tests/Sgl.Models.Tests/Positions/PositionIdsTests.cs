using CsCheck;
using Sgl.TestKit;

namespace Sgl.Models.Tests.Positions;

public sealed class PositionIdsTests
{
    private const int ImageToken = 505;
    private static readonly int[] Row = [0, 1, 2, 3];

    public static TheoryData<string, string, string> GoldenPrompts
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            string[] common = ["text_only", "image_first", "image_last", "two_images", "adjacent_images", "wide"];
            foreach (var name in common)
            {
                data.Add("goldens-families", "qwen2vl", name);
            }

            foreach (var name in common.Concat(["single_token_image", "tall", "three_images"]))
            {
                data.Add("goldens-families-2", "qwen25vl", name);
                data.Add("goldens-families-2", "qwen3vl", name);
            }

            return data;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(GoldenPrompts))]
    public void Multimodal_GoldenPrompt_EqualsReference(string set, string family, string name)
    {
        var golden = TestSafetensors.Open(SharedData.Require(set, "geometry", $"{family}_rope_index.safetensors"));
        var ids = golden.Longs($"{name}.input_ids");
        var grids = golden.Contains($"{name}.image_grid_thw") ? golden.Longs($"{name}.image_grid_thw") : [];
        var positions = PositionIds.Multimodal(ids.Length, Grids(ids, grids));
        Assert.Equal(golden.Longs($"{name}.position_ids"), positions.Values.ToArray().Select(v => (long)v));
        Assert.Equal(golden.Longs($"{name}.rope_delta")[0], positions.RopeDelta);
    }

    [SkippableTheory]
    [InlineData("wide", "small")]
    [InlineData("tall_downscaled", "large")]
    [InlineData("tiny_upscaled", "small")]
    public void Multimodal_GoldenCase_EqualsReference(string name, string model)
    {
        var inputs = TestSafetensors.Open(SharedData.Require("goldens-families", "cases", "qwen2vl", name, "inputs.safetensors"));
        var golden = TestSafetensors.Open(SharedData.Require("goldens-families", "cases", "qwen2vl", name, $"{model}.safetensors"));
        var ids = inputs.Longs($"input_ids_{model}");
        var positions = PositionIds.Multimodal(ids.Length, Grids(ids, inputs.Longs("image_grid_thw")));
        Assert.Equal(golden.Longs("position_ids"), positions.Values.ToArray().Select(v => (long)v));
        Assert.Equal(golden.Longs("rope_delta")[0], positions.RopeDelta);
        Assert.Equal(ids.Length + (int)golden.Longs("rope_delta")[0], positions.Next);
    }

    [SkippableFact]
    public void Multimodal_KeptRowsOfGoldenPruning_HaveTheOriginalIds()
    {
        var inputs = TestSafetensors.Open(SharedData.Require("goldens-families", "cases", "qwen2vl", "wide", "inputs.safetensors"));
        var golden = TestSafetensors.Open(SharedData.Require("goldens-families", "cases", "qwen2vl", "wide", "large.safetensors"));
        var ids = inputs.Longs("input_ids_large");
        var positions = PositionIds.Multimodal(ids.Length, Grids(ids, inputs.Longs("image_grid_thw")));
        var start = Array.IndexOf(ids, (long)ImageToken);
        var kept = golden.Longs("sgp_K2_r0.2.kept").Select(k => (int)k + start).ToHashSet();
        var rows = Enumerable.Range(0, ids.Length).Where(i => ids[i] != ImageToken || kept.Contains(i)).ToArray();
        Assert.Equal(golden.Longs("sgp_K2_r0.2.kept_position_ids"), Enumerable.Range(0, positions.Axes).SelectMany(axis => rows.Select(i => (long)positions.Values.Span[(axis * positions.Count) + i])));
    }

    [Fact]
    public void Sequential_Prompt_CountsUpOnOneAxis()
    {
        var positions = PositionIds.Sequential(4);
        Assert.Equal(Row, positions.Values.ToArray());
        Assert.Equal((1, 4, 0), (positions.Axes, positions.Next, positions.RopeDelta));
    }

    [Fact]
    public void Multimodal_NextPosition_IsOneAboveTheLargest() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[1, 3], Gen.Int[1, 6], Gen.Int[1, 6], Gen.Int[0, 5]).Sample((before, t, h, w, after) =>
        {
            var image = new VisualGrid(before, t, h, w);
            var positions = PositionIds.Multimodal(before + image.Count + after, [image]);
            return positions.Next == positions.Values.ToArray().DefaultIfEmpty(-1).Max() + 1;
        });

    [Theory]
    [InlineData(3, 2, 2)]
    [InlineData(0, 3, 4)]
    [InlineData(-1, 1, 1)]
    [InlineData(0, 0, 1)]
    public void Multimodal_ImageOutsideThePrompt_Throws(int start, int rows, int columns) =>
        Assert.Throws<ArgumentException>(() => PositionIds.Multimodal(6, [new VisualGrid(start, 1, rows, columns)]));

    [Fact]
    public void Multimodal_OverlappingImages_Throws() =>
        Assert.Throws<ArgumentException>(() => PositionIds.Multimodal(9, [new VisualGrid(0, 1, 2, 2), new VisualGrid(3, 1, 2, 2)]));

    private static List<VisualGrid> Grids(long[] ids, long[] thw)
    {
        var grids = new List<VisualGrid>();
        var index = 0;
        for (var i = 0; i < thw.Length; i += 3)
        {
            var start = Array.IndexOf(ids, (long)ImageToken, index);
            grids.Add(new VisualGrid(start, (int)thw[i], (int)thw[i + 1] / 2, (int)thw[i + 2] / 2));
            index = start + grids[^1].Count;
        }

        return grids;
    }
}
