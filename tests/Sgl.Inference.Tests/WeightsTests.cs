using Microsoft.Extensions.Logging.Abstractions;
using Sgl.Inference.Internal.Runtime;
using Sgl.Inference.Tests.Support;
using Sgl.Models;
using Sgl.TestKit;

namespace Sgl.Inference.Tests;

/// <summary><c>Engine:Weights</c>: what is rounded, what stays, and that what is rounded computes nearly the same.</summary>
public sealed class WeightsTests : IDisposable
{
    private static readonly CheckpointShape Shape = RoundableShape.Of(layers: 3);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(nameof(DecoderKind.Qwen2))]
    [InlineData(nameof(DecoderKind.InternLm2))]
    [InlineData(nameof(DecoderKind.Phi3))]
    public async Task GenerateAsync_Int8_IsCloseToFloat32InEveryStepAndInImportance(string decoder)
    {
        CheckpointWriter.Write(_folder.Path, Shape with { Decoder = Enum.Parse<DecoderKind>(decoder) });
        await using var exact = await LoadAsync("float32");
        await using var rounded = await LoadAsync("int8");
        Assert.Equal("float32", exact.Model.Weights.Kind);
        Assert.Equal(("int8", RowWise8.Bits, 0), (rounded.Model.Weights.Kind, rounded.Model.Weights.Bits, rounded.Model.Weights.Sensitive));
        Assert.True(rounded.Model.Weights.RowWise8 >= (4 * Shape.Layers) + 1);
        Assert.True(rounded.Model.Weights.Bytes < 0.45 * exact.Model.Weights.Bytes);

        var prompt = TestEngine.Prompt(3, 5, 20, 6);
        prompt = Wide(prompt);
        var options = TestEngine.Tokens(6) with { Importance = new Sgl.Guidance.ImportanceOptions(), ConsistencyRatio = 0.2 };
        var (a, b) = (new GenerationTrace(), new GenerationTrace());
        var expected = await TestEngine.RunAsync(exact, prompt, options with { Trace = a });
        var found = await TestEngine.RunAsync(rounded, prompt, options with { Trace = b });
        // A bit less is twice the step of a weight; activations have 8 bits everywhere.
        var bits = RowWise8.ProcessorTakes8Bits ? 1.0 : 1.6;
        Assert.InRange(Distance(b.StepLogits[0], a.StepLogits[0]), 1e-6, 0.05 * bits);
        Assert.InRange(Distance(found.Importance!, expected.Importance!), 1e-7, 0.03 * bits);

        // Batched decode steps and single ones are rounded row by row: nobody's answer depends on who else is there.
        var together = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => TestEngine.RunAsync(rounded, prompt, TestEngine.Tokens(6)))));
        var alone = await TestEngine.RunAsync(rounded, prompt, TestEngine.Tokens(6));
        Assert.All(together, t => Assert.Equal(alone.TokenIds, t.TokenIds));
    }

    [Theory]
    [InlineData(nameof(DecoderKind.Qwen2), 7)]
    [InlineData(nameof(DecoderKind.InternLm2), 5)]
    [InlineData(nameof(DecoderKind.Phi3), 4)]
    public async Task GenerateAsync_Int4_RoundsTheDecodersLayersAndStaysNearFloat32(string decoder, int matrices)
    {
        CheckpointWriter.Write(_folder.Path, Shape with { Decoder = Enum.Parse<DecoderKind>(decoder) });
        await using var exact = await LoadAsync("float32");
        await using var eight = await LoadAsync("int8");
        await using var four = await LoadAsync("int4");
        Assert.Equal(("int4", RowWise8.Bits, 0), (four.Model.Weights.Kind, four.Model.Weights.Bits, four.Model.Weights.Sensitive));
        // Head and tower keep to 8 bits.
        Assert.Equal((matrices * Shape.Layers, eight.Model.Weights.RowWise8 - (matrices * Shape.Layers)), (four.Model.Weights.Blocks4, four.Model.Weights.RowWise8));
        Assert.True(four.Model.Weights.Bytes < eight.Model.Weights.Bytes);

        var prompt = Wide(TestEngine.Prompt(3, 5, 20, 6));
        var options = TestEngine.Tokens(6) with { Importance = new Sgl.Guidance.ImportanceOptions(), ConsistencyRatio = 0.2 };
        var (a, b) = (new GenerationTrace(), new GenerationTrace());
        var expected = await TestEngine.RunAsync(exact, prompt, options with { Trace = a });
        var found = await TestEngine.RunAsync(four, prompt, options with { Trace = b });
        // A product is off by 9 % where 8 bits are off by 1.
        Assert.InRange(Distance(b.StepLogits[0], a.StepLogits[0]), 1e-3, 0.4);
        Assert.InRange(Distance(found.Importance!, expected.Importance!), 1e-5, 0.2);
    }

    [Fact]
    public async Task LoadAsync_Int4MatrixWithHugeValuesInEveryBlock_StaysIn8Bits()
    {
        CheckpointWriter.Write(_folder.Path, Shape);
        await using var plain = await LoadAsync("int4");
        // Both ends of each block's range: all others would share the code between them.
        foreach (var column in Enumerable.Range(0, Shape.Inner / 32))
        {
            Spike($"{Shape.LayerPrefix(1)}mlp.down_proj.weight", Shape.Inner, (32 * column) + 7, 1);
            Spike($"{Shape.LayerPrefix(1)}mlp.down_proj.weight", Shape.Inner, (32 * column) + 20, -1);
        }

        await using var spiked = await LoadAsync("int4");
        Assert.Equal((0, 1), (plain.Model.Weights.Sensitive, spiked.Model.Weights.Sensitive));
        Assert.Equal((plain.Model.Weights.Blocks4 - 1, plain.Model.Weights.RowWise8 + 1), (spiked.Model.Weights.Blocks4, spiked.Model.Weights.RowWise8));
    }

    [Fact]
    public async Task LoadAsync_MatrixWithSingleHugeValues_StaysFloat32()
    {
        CheckpointWriter.Write(_folder.Path, Shape);
        await using var plain = await LoadAsync("int8");
        Spike($"{Shape.LayerPrefix(1)}mlp.down_proj.weight", Shape.Inner, 7, 5);
        await using var spiked = await LoadAsync("int8");
        Assert.Equal(0, plain.Model.Weights.Sensitive);
        Assert.Equal(1, spiked.Model.Weights.Sensitive);
        Assert.Equal(plain.Model.Weights.RowWise8 - 1, spiked.Model.Weights.RowWise8);
    }

    [Theory]
    [InlineData(512, true, "int8")]
    [InlineData(512, false, "float32")]
    [InlineData(192, true, "float32")]
    public async Task LoadAsync_Auto_RoundsWideDecodersThatAreStoredIn16Bits(int hidden, bool stored16, string expected)
    {
        CheckpointWriter.Write(_folder.Path, Shape with { Hidden = hidden, Heads = 8, Layers = 1 }, stored16 ? StoredType.BFloat16 : StoredType.Float32);
        await using var engine = await LoadAsync("auto");
        Assert.Equal(expected, engine.Model.Weights.Kind);
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("Float32")]
    [InlineData("INT8")]
    [InlineData("int4")]
    public void Validate_KnownWeights_Pass(string weights) =>
        Assert.True(new EngineOptionsValidator().Validate(null, new EngineOptions { Checkpoint = AppContext.BaseDirectory, Weights = weights }).Succeeded);

    [Theory]
    [InlineData("int3")]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("2")]
    [InlineData("auto,int8")]
    public void Validate_UnknownWeights_AreNamed(string weights)
    {
        var result = new EngineOptionsValidator().Validate(null, new EngineOptions { Checkpoint = AppContext.BaseDirectory, Weights = weights });
        Assert.Contains("Engine:Weights must be auto, float32, int8 or int4", Assert.Single(result.Failures!), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Packs_RowWise8_TheRuntimeHasItsOwnCopy(bool unsigned)
    {
        OrtHost.EnsureCreated(0);
        Assert.True(PackingProbe.Packs(new LinearFormat(LinearKind.RowWise8) { Unsigned = unsigned }, unsigned ? WeightPart.UInt8Values : WeightPart.Int8Values));
    }

    private static double Distance(float[] found, float[] expected) =>
        Math.Sqrt(found.Zip(expected, (f, e) => Math.Pow((double)f - e, 2)).Sum() / expected.Sum(e => (double)e * e));

    private static PreparedPrompt Wide(PreparedPrompt narrow)
    {
        var random = new Random(11);
        return PreparedPrompt.FromFeatures(narrow.Ids, narrow.Spans, [.. Enumerable.Range(0, narrow.VisualTokenCount * Shape.Hidden).Select(_ => (random.NextSingle() * 3) - 1.5f)]);
    }

    private Task<VlmEngine> LoadAsync(string weights) =>
        VlmEngine.LoadAsync(new EngineOptions { Checkpoint = _folder.Path, KvBudgetMiB = 64, ImageTokenId = 3, Weights = weights }, NullLoggerFactory.Instance);

    /// <summary>Gives each row of a float32 tensor one value far larger than the others, which are around 0.05.</summary>
    private void Spike(string tensor, int inputs, int column, float value)
    {
        TensorEntry entry;
        string path;
        using (var store = TensorStore.Open(_folder.Path))
        {
            entry = store[tensor];
            path = store.FullPath(entry);
        }

        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        for (long row = 0; row < entry.Shape[0]; row++)
        {
            RandomAccess.Write(file, BitConverter.GetBytes(value), entry.Offset + (((row * inputs) + column) * sizeof(float)));
        }
    }
}
