using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sgl.Inference.Internal.Runtime;
using Sgl.Inference.Tests.Support;
using Sgl.Models;
using Sgl.TestKit;

namespace Sgl.Inference.Tests.Quantized;

/// <summary>Formats of GPUs, computed by the CPU provider's kernels of the same operator: which layers have them, what they mean, what they take.</summary>
public sealed class DeviceFormatTests : IDisposable
{
    private static readonly CheckpointShape Shape = RoundableShape.Of(layers: 2);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(WeightPrecision.Auto, nameof(LinearPlace.Layer), 4096, 2048, LinearKind.Plain, 0)]
    [InlineData(WeightPrecision.Float32, nameof(LinearPlace.Layer), 4096, 2048, LinearKind.Plain, 0)]
    [InlineData(WeightPrecision.Int8, nameof(LinearPlace.Layer), 4096, 2048, LinearKind.Blocks8, 64)]
    [InlineData(WeightPrecision.Int4, nameof(LinearPlace.Layer), 4096, 2048, LinearKind.Blocks4, 64)]
    [InlineData(WeightPrecision.Int4, nameof(LinearPlace.Layer), 4096, 2080, LinearKind.Blocks4, 32)]
    [InlineData(WeightPrecision.Int4, nameof(LinearPlace.Head), 151936, 1536, LinearKind.Blocks8, 64)]
    [InlineData(WeightPrecision.Int8, nameof(LinearPlace.Head), 92553, 2048, LinearKind.Plain, 0)]
    [InlineData(WeightPrecision.Int4, nameof(LinearPlace.Tower), 4096, 1024, LinearKind.Plain, 0)]
    [InlineData(WeightPrecision.Int4, nameof(LinearPlace.Layer), 4096, 2056, LinearKind.Plain, 0)]
    [InlineData(WeightPrecision.Int4, nameof(LinearPlace.Layer), 4100, 2048, LinearKind.Plain, 0)]
    [InlineData(WeightPrecision.Int8, nameof(LinearPlace.Layer), 4096, 32, LinearKind.Plain, 0)]
    public void Of_PlainMatrix_FollowsTheRule(WeightPrecision weights, string place, long outputs, long inputs, LinearKind kind, int block)
    {
        var format = DeviceFormats.Of(weights, Enum.Parse<LinearPlace>(place), outputs, inputs, null);
        Assert.Equal((kind, block, kind != LinearKind.Plain), (format.Kind, format.BlockSize, format.KeepsInputs));
    }

    [Theory]
    [InlineData(WeightPrecision.Auto, 4, 256, LinearKind.Blocks4, 128)]
    [InlineData(WeightPrecision.Int8, 4, 128, LinearKind.Blocks4, 128)]
    [InlineData(WeightPrecision.Auto, 4, 48, LinearKind.Blocks4, 16)]
    [InlineData(WeightPrecision.Auto, 4, 1 << 20, LinearKind.Blocks4, 128)]
    [InlineData(WeightPrecision.Auto, 4, 8, LinearKind.Plain, 0)]
    [InlineData(WeightPrecision.Int4, 4, null, LinearKind.Plain, 0)]
    [InlineData(WeightPrecision.Auto, 8, null, LinearKind.Blocks8, 128)]
    [InlineData(WeightPrecision.Float32, 8, null, LinearKind.Plain, 0)]
    [InlineData(WeightPrecision.Float32, 4, 128, LinearKind.Plain, 0)]
    public void Of_StoredMatrix_RunsAsStoredInBlocksThatKernelsTake(WeightPrecision weights, int bits, int? group, LinearKind kind, int block)
    {
        var format = DeviceFormats.Of(weights, LinearPlace.Layer, 1024, 768, new StoredLinear(bits, group, Reordered: false));
        Assert.Equal((kind, block), (format.Kind, format.BlockSize));
    }

    /// <summary>A matrix in 4 or 8 bits times rows, against the same in double precision with the numbers that the codes mean.</summary>
    [Theory]
    [InlineData(LinearKind.Blocks4, 32, 1)]
    [InlineData(LinearKind.Blocks4, 64, 1)]
    [InlineData(LinearKind.Blocks4, 64, 7)]
    [InlineData(LinearKind.Blocks4, 128, 300)]
    [InlineData(LinearKind.Blocks8, 32, 1)]
    [InlineData(LinearKind.Blocks8, 64, 7)]
    [InlineData(LinearKind.Blocks8, 128, 1)]
    [InlineData(LinearKind.Blocks8, 128, 300)]
    public void Run_MatrixInBlocks_IsWhatItsCodesMean(LinearKind kind, int block, int rows)
    {
        const int Outputs = 72, Inputs = 384;
        var random = new Random(block + rows);
        var matrix = new TestMatrix(Outputs, Inputs, [.. Enumerable.Range(0, Outputs * Inputs).Select(_ => (random.NextSingle() * 0.2f) - 0.1f)]);
        using var codes = kind == LinearKind.Blocks4 ? BlockCodes.Round(matrix, block) : BlockCodes.Round8(matrix, block, ComputeType.BFloat16);
        var meaning = Meaning(codes, kind, Outputs, Inputs, block);
        Assert.InRange(Loss(matrix.Values, meaning), 1e-3, kind == LinearKind.Blocks4 ? 0.15 : 0.01);

        var graph = LinearGraph.Build(new LinearNames("w"), Outputs, Inputs, new GraphArithmetic(ComputeType.Float32, _ => new LinearFormat(kind) { BlockSize = block, KeepsInputs = true }));
        Assert.Equal(
            DeviceFormats.Bytes(new LinearFormat(kind) { BlockSize = block }, Outputs, Inputs),
            graph.Weights.Sum(w => w.Shape.Aggregate(1L, (a, b) => a * b) * (w.Part == WeightPart.BlockScales ? 2 : 1)));
        float[] x = [.. Enumerable.Range(0, rows * Inputs).Select(_ => (random.NextSingle() * 4) - 2)];
        var found = Run(graph, codes, x, rows, Inputs);
        for (var row = 0; row < rows; row++)
        {
            for (var o = 0; o < Outputs; o++)
            {
                double expected = 0, size = 0;
                for (var i = 0; i < Inputs; i++)
                {
                    var product = (double)x[(row * Inputs) + i] * meaning[(o * Inputs) + i];
                    (expected, size) = (expected + product, size + Math.Abs(product));
                }

                Assert.Equal(expected, found[(row * Outputs) + o], size * 1e-5);
            }
        }
    }

    [Theory]
    [InlineData("int8", ComputeType.BFloat16, 0, 15, 0.05)]
    [InlineData("int8", ComputeType.Float16, 0, 15, 0.03)]
    [InlineData("int4", ComputeType.BFloat16, 14, 1, 0.4)]
    [InlineData("auto", ComputeType.BFloat16, 0, 0, 0.04)]
    public async Task GenerateAsync_AsAGpuWould_RoundsTheLayersOfTheRuleAndStaysNearFloat32(string weights, ComputeType type, int four, int eight, double most)
    {
        CheckpointWriter.Write(_folder.Path, Shape);
        await using var exact = await LoadAsync("float32", null);
        await using var rounded = await LoadAsync(weights, type);
        Assert.Equal((four, eight), (rounded.Model.Weights.Blocks4, rounded.Model.Weights.RowWise8));
        Assert.True(rounded.Model.Weights.Plain > 0);
        Assert.Equal(weights == "auto" ? "float32" : weights, rounded.Model.Weights.Kind);
        Assert.InRange(Distance(await LogitsAsync(rounded), await LogitsAsync(exact)), 1e-4, most);
    }

    [Fact]
    public async Task LoadAsync_MatrixThatHoldsInfinity_IsRefusedByItsName()
    {
        CheckpointWriter.Write(_folder.Path, Shape);
        var name = $"{Shape.LayerPrefix(1)}mlp.down_proj.weight";
        using (var store = TensorStore.Open(_folder.Path))
        {
            var entry = store[name];
            using var file = File.OpenHandle(store.FullPath(entry), FileMode.Open, FileAccess.ReadWrite);
            RandomAccess.Write(file, BitConverter.GetBytes(float.PositiveInfinity), entry.Offset + 400);
        }

        var error = await Assert.ThrowsAsync<EngineSettingsException>(() => LoadAsync("int4", ComputeType.BFloat16));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains("Engine:Weights=float32", error.Message, StringComparison.Ordinal);
    }

    internal static Task<VlmEngine> LoadAsync(string folder, string weights, ComputeType? emulates) => VlmEngine.LoadAsync(
        new EngineOptions { Checkpoint = folder, KvBudgetMiB = 64, ImageTokenId = 3, Weights = weights, Emulates = emulates }, NullLoggerFactory.Instance);

    internal static double Distance(float[] found, float[] expected) =>
        Math.Sqrt(found.Zip(expected, (f, e) => Math.Pow((double)f - e, 2)).Sum() / expected.Sum(e => (double)e * e));

    private static async Task<float[]> LogitsAsync(VlmEngine engine)
    {
        var narrow = TestEngine.Prompt(3, 5, 20, 6);
        var random = new Random(11);
        var prompt = PreparedPrompt.FromFeatures(narrow.Ids, narrow.Spans, [.. Enumerable.Range(0, narrow.VisualTokenCount * Shape.Hidden).Select(_ => (random.NextSingle() * 3) - 1.5f)]);
        var trace = new GenerationTrace();
        await TestEngine.RunAsync(engine, prompt, TestEngine.Tokens(2) with { Trace = trace });
        return trace.StepLogits[0];
    }

    private static float[] Meaning(BlockCodes codes, LinearKind kind, int outputs, int inputs, int block)
    {
        int blocks = inputs / block, zeroBytes = (blocks + 1) / 2;
        var values = codes.Values.Span<byte>(0, (int)codes.Values.ByteLength);
        var scales = codes.Scales.Span<float>(0, outputs * blocks);
        var meaning = new float[outputs * inputs];
        for (var i = 0; i < meaning.Length; i++)
        {
            int row = i / inputs, at = i % inputs / block;
            meaning[i] = kind == LinearKind.Blocks8
                ? (values[i] - 128) * scales[(row * blocks) + at]
                : (((values[i / 2] >> (4 * (i % 2))) & 15) - ((codes.Zeros!.Span<byte>((row * zeroBytes) + (at / 2), 1)[0] >> (4 * (at % 2))) & 15)) * scales[(row * blocks) + at];
        }

        return meaning;
    }

    private static double Loss(float[] values, float[] meaning) =>
        Math.Sqrt(values.Zip(meaning, (v, m) => Math.Pow((double)v - m, 2)).Sum() / values.Sum(v => (double)v * v));

    private static float[] Run(ComputeGraph graph, BlockCodes codes, float[] x, int rows, int inputs)
    {
        OrtHost.EnsureCreated(0);
        using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        options.DisablePerSessionThreads();
        options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", SessionFactory.PlaceholderFolder.Value);
        var values = graph.Weights.Select(w => (w.Name, Value: OrtValue.CreateTensorValueWithData(
            OrtHost.Cpu, w.Part == WeightPart.BlockScales ? TensorElementType.Float : TensorElementType.UInt8, [.. w.Shape], codes.Part(w.Part).Pointer, codes.Part(w.Part).ByteLength))).ToList();
        values.ForEach(v => options.AddInitializer(v.Name, v.Value));
        using var session = new InferenceSession(graph.ToBytes(), options);
        using var input = OrtValue.CreateTensorValueFromMemory(x, [rows, inputs]);
        using var run = new RunOptions();
        using var results = session.Run(run, ["x"], [input], ["y"]);
        values.ForEach(v => v.Value.Dispose());
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private Task<VlmEngine> LoadAsync(string weights, ComputeType? emulates) => LoadAsync(_folder.Path, weights, emulates);

    private sealed class TestMatrix(long outputs, long inputs, float[] values) : LinearMatrix("w", outputs, inputs)
    {
        public float[] Values => values;

        public override string StoredAs => "float32";

        public override IReadOnlyList<TensorEntry> Tensors => [];

        public override void ReadRows(long firstRow, Span<float> rows) => values.AsSpan((int)(firstRow * Inputs), rows.Length).CopyTo(rows);
    }
}
