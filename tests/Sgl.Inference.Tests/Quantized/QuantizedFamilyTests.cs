using System.Text.Json.Nodes;
using Sgl.Inference.Tests.Support;
using Sgl.Models;
using Sgl.TestKit;

namespace Sgl.Inference.Tests.Quantized;

/// <summary>Quantised decoders of every family, by the names and the fused layers that each family has.</summary>
public sealed class QuantizedFamilyTests : IDisposable
{
    private readonly TemporaryFolder _plain = new();
    private readonly TemporaryFolder _quantized = new();

    /// <summary>Random checkpoints, and the quantised matrices of one of their layers.</summary>
    private static Dictionary<string, (ICheckpointShape Shape, int Matrices)> Generated { get; } = new()
    {
        ["InternLM2"] = (Chat(DecoderKind.InternLm2), 5),
        ["Qwen3 in InternVL"] = (Chat(DecoderKind.Qwen3) with { OwnHeadDim = 128 }, 7),
        ["Llama"] = (Chat(DecoderKind.Llama), 7),
        ["Phi-3"] = (Chat(DecoderKind.Phi3), 4),
        ["Qwen2.5-VL"] = (new QwenShape { Layers = 2, Hidden = 192, Heads = 4, HeadDim = 48, Inner = 320, Vocabulary = 256, Sections = [8, 8, 8] }, 7),
        ["Qwen3-VL"] = (new QwenShape { Third = true, Layers = 3, Hidden = 192, Heads = 4, HeadDim = 48, Inner = 320, Vocabulary = 256, Sections = [8, 8, 8] }, 7),
    };

    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var family in Generated.Keys)
            {
                foreach (var format in new[] { "compressed-tensors W8A8", "compressed-tensors W4A16 asymmetric", "awq", "gptq act-order", "fp8 blocks" })
                {
                    cases.Add(family, format);
                }
            }

            return cases;
        }
    }

    public void Dispose()
    {
        _plain.Dispose();
        _quantized.Dispose();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task GenerateAsync_GeneratedFamily_ComputesWithTheNumbersThatTheFormatMeans(string family, string format)
    {
        var (shape, matrices) = Generated[family];
        CheckpointWriter.Write(_plain.Path, shape);
        await CheckAsync(_plain.Path, format, matrices);
    }

    [SkippableTheory]
    [InlineData("goldens-families", "small-qwen2vl")]
    [InlineData("goldens-families-2-resaved", "small-qwen2vl-resaved")]
    [InlineData("goldens-families", "small-llavaov")]
    public async Task GenerateAsync_GoldenFamily_ComputesWithTheNumbersThatTheFormatMeans(string goldens, string checkpoint)
    {
        var folder = SharedData.Require(goldens, "checkpoints", checkpoint);
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            File.Copy(file, Path.Combine(_plain.Path, Path.GetFileName(file)));
        }

        await CheckAsync(_plain.Path, "compressed-tensors W8A8", 7);
    }

    private static CheckpointShape Chat(DecoderKind decoder) => new() { Decoder = decoder, Layers = 2, Hidden = 192, Inner = 320, Vocabulary = 256, Seed = 9 };

    private async Task CheckAsync(string source, string format, int matricesOfALayer)
    {
        var kind = QuantizedFolderTests.Kinds[format];
        Quantize(source, kind.Config, kind.Pack);
        int layers;
        using (var checkpoint = Open(_quantized.Path))
        {
            layers = checkpoint.Config.Language.Layers;
            Assert.Equal(matricesOfALayer * layers, checkpoint.Quantized.Count);
            Assert.Empty(checkpoint.UnusedTensors);
        }

        await using var meant = await LoadAsync(_plain.Path, "float32");
        await using var exact = await LoadAsync(_quantized.Path, "float32");
        await using var stored = await LoadAsync(_quantized.Path, "auto");
        Assert.Equal(kind.Kind, stored.Model.Weights.Kind);
        Assert.Equal(kind.Kind == "float32" ? 0 : matricesOfALayer * layers, stored.Model.Weights.RowWise8 + stored.Model.Weights.Blocks4);

        var (a, b, c) = (await LogitsAsync(meant), await LogitsAsync(exact), await LogitsAsync(stored));
        Assert.Equal(a, b);
        // As stored, activations are rounded to 8 bits: nothing else differs.
        Assert.InRange(Distance(c, a), 0, 0.05);
    }

    private static async Task<float[]> LogitsAsync(VlmEngine engine)
    {
        var trace = new GenerationTrace();
        await TestEngine.RunAsync(engine, TestEngine.Prompt(3, 12, 0, 6), TestEngine.Tokens(2) with { Trace = trace });
        return trace.StepLogits[0];
    }

    private static double Distance(float[] found, float[] expected) =>
        Math.Sqrt(found.Zip(expected, (f, e) => Math.Pow((double)f - e, 2)).Sum() / expected.Sum(e => (double)e * e));

    private static int? ImageTokenId(string folder) => File.ReadAllText(Path.Combine(folder, "config.json")).Contains("internvl", StringComparison.OrdinalIgnoreCase) ? 3 : null;

    private static Checkpoint Open(string folder) => Checkpoint.Open(folder, new CheckpointOptions { ImageTokenId = ImageTokenId(folder) });

    private static Task<VlmEngine> LoadAsync(string folder, string weights) =>
        VlmEngine.LoadAsync(new EngineOptions { Checkpoint = folder, KvBudgetMiB = 64, ImageTokenId = ImageTokenId(folder), Weights = weights, RequireTokenizer = false });

    /// <summary>Writes the quantised folder, and puts in the plain one the numbers that it means.</summary>
    private void Quantize(string source, string config, Func<string, float[], int, int, Random, PackedLayer> pack)
    {
        var random = new Random(17);
        List<StoredTensor> plain = [], quantized = [];
        using (var checkpoint = Open(source))
        {
            var store = checkpoint.Weights;
            var matrices = checkpoint.Decoder.Layers.SelectMany(Matrices).ToHashSet(StringComparer.Ordinal);
            foreach (var entry in store.Entries)
            {
                var values = store.ReadFloat32(entry.Name);
                if (!matrices.Contains(entry.Name))
                {
                    var tensor = StoredTensor.Floats(entry.Name, values, [.. entry.Shape]);
                    plain.Add(tensor);
                    quantized.Add(tensor);
                    continue;
                }

                var layer = pack(entry.Name[..^"weight".Length], values, (int)entry.Shape[0], (int)entry.Shape[1], random);
                plain.Add(StoredTensor.Floats(entry.Name, layer.Meaning, [.. entry.Shape]));
                quantized.AddRange(layer.Tensors);
            }
        }

        foreach (var file in Directory.EnumerateFiles(source).Where(f => !f.Contains(".safetensors", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(_quantized.Path, Path.GetFileName(file)));
        }

        foreach (var file in Directory.EnumerateFiles(_plain.Path, "*.safetensors*"))
        {
            File.Delete(file);
        }

        StoredTensor.Write(Path.Combine(_plain.Path, "model.safetensors"), plain);
        StoredTensor.Write(Path.Combine(_quantized.Path, "model.safetensors"), quantized);
        var path = Path.Combine(_quantized.Path, "config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        json["quantization_config"] = JsonNode.Parse(config);
        File.WriteAllText(path, json.ToJsonString());
    }

    private static IEnumerable<string> Matrices(DecoderLayerNames layer) =>
    [
        .. layer.Qkv switch
        {
            QkvNames.Separate s => new[] { s.Query.Weight, s.Key.Weight, s.Value.Weight },
            QkvNames.Grouped g => [g.Qkv.Weight],
            QkvNames.Concatenated c => [c.Qkv.Weight],
            _ => throw new InvalidOperationException($"{layer.Qkv} is not known"),
        },
        layer.Output.Weight,
        .. layer.GateUp switch
        {
            GateUpNames.Separate s => new[] { s.Gate.Weight, s.Up.Weight },
            GateUpNames.Concatenated c => [c.GateUp.Weight],
            _ => throw new InvalidOperationException($"{layer.GateUp} is not known"),
        },
        layer.Down.Weight,
    ];
}
