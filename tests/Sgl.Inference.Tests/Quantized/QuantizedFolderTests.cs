using System.Text.Json.Nodes;
using Sgl.Inference.Tests.Support;
using Sgl.Models;
using Sgl.TestKit;

namespace Sgl.Inference.Tests.Quantized;

/// <summary>Folders as quantisation tools leave them: the decoder's layers quantised, everything else plain.</summary>
public sealed class QuantizedFolderTests : IDisposable
{
    private static readonly CheckpointShape Shape = new()
    {
        Decoder = DecoderKind.Qwen2,
        Layers = 2,
        Hidden = 192,
        Inner = 320,
        Vocabulary = 256,
        Seed = 9,
    };

    private readonly TemporaryFolder _plain = new();
    private readonly TemporaryFolder _quantized = new();

    public static TheoryData<string> Formats => [.. Kinds.Keys];

    internal static Dictionary<string, (string Config, Func<string, float[], int, int, Random, PackedLayer> Pack, string Kind)> Kinds { get; } = new()
    {
        ["compressed-tensors W8A8"] = (
            """
            {"quant_method": "compressed-tensors", "format": "int-quantized", "ignore": ["lm_head", "re:visual.*"], "kv_cache_scheme": null, "quantization_status": "compressed",
             "config_groups": {"group_0": {"targets": ["Linear"], "input_activations": {"num_bits": 8, "dynamic": true, "strategy": "token", "type": "int", "symmetric": true},
             "weights": {"num_bits": 8, "type": "int", "strategy": "channel", "symmetric": true, "dynamic": false, "group_size": null}}}}
            """,
            Packing.Int8, "int8"),
        ["compressed-tensors W4A16"] = (Compressed("pack-quantized", "\"num_bits\": 4, \"type\": \"int\", \"strategy\": \"group\", \"group_size\": 64, \"symmetric\": true"), (p, w, o, i, r) => Packing.Compressed4(p, w, o, i, r, true), "int4"),
        ["compressed-tensors W4A16 asymmetric"] = (Compressed("pack-quantized", "\"num_bits\": 4, \"type\": \"int\", \"strategy\": \"group\", \"group_size\": 64, \"symmetric\": false"), (p, w, o, i, r) => Packing.Compressed4(p, w, o, i, r, false), "int4"),
        ["compressed-tensors FP8"] = (Compressed("float-quantized", "\"num_bits\": 8, \"type\": \"float\", \"strategy\": \"channel\", \"symmetric\": true"), Packing.Float8Rows, "float32"),
        ["awq"] = ("""{"quant_method": "awq", "bits": 4, "group_size": 64, "version": "GEMM", "zero_point": true, "modules_to_not_convert": ["visual"]}""", Packing.Awq, "int4"),
        ["gptq"] = ("""{"quant_method": "gptq", "bits": 4, "group_size": 64, "desc_act": false, "sym": false}""", (p, w, o, i, r) => Packing.Gptq(p, w, o, i, r, false, true), "int4"),
        ["gptq act-order"] = ("""{"quant_method": "gptq", "bits": 4, "group_size": 64, "desc_act": true, "sym": false}""", (p, w, o, i, r) => Packing.Gptq(p, w, o, i, r, true, true), "int4"),
        ["gptq v2"] = ("""{"quant_method": "gptq", "bits": 4, "group_size": 64, "desc_act": false, "checkpoint_format": "gptq_v2"}""", (p, w, o, i, r) => Packing.Gptq(p, w, o, i, r, false, false), "int4"),
        ["fp8 blocks"] = ("""{"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [64, 48]}""", Packing.Float8Blocks, "float32"),
        ["fp8 static"] = ("""{"quant_method": "fp8", "activation_scheme": "static"}""", Packing.Float8Whole, "float32"),
    };

    public void Dispose()
    {
        _plain.Dispose();
        _quantized.Dispose();
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task GenerateAsync_QuantizedFolder_ComputesWithExactlyTheNumbersThatTheFormatMeans(string format)
    {
        Write(format);
        await using var meant = await LoadAsync(_plain.Path, "float32");
        await using var exact = await LoadAsync(_quantized.Path, "float32");
        await using var stored = await LoadAsync(_quantized.Path, "auto");
        Assert.Equal(("float32", Kinds[format].Kind), (exact.Model.Weights.Kind, stored.Model.Weights.Kind));
        Assert.Equal(meant.Model.ParameterCount, exact.Model.ParameterCount);

        var (a, b, c) = (await LogitsAsync(meant), await LogitsAsync(exact), await LogitsAsync(stored));
        Assert.Equal(a, b);
        // As stored, activations are rounded to 8 bits: nothing else differs.
        Assert.InRange(Distance(c, a), 0, 0.05);
        if (Kinds[format].Kind == "float32")
        {
            Assert.Equal(a, c);
        }
        else
        {
            Assert.Equal(7 * Shape.Layers, stored.Model.Weights.RowWise8 + stored.Model.Weights.Blocks4);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task GenerateAsync_QuantizedFolderAsOnAGpu_RunsInTheBitsThatAreStored(string format)
    {
        Write(format);
        await using var meant = await LoadAsync(_plain.Path, "float32");
        await using var stored = await DeviceFormatTests.LoadAsync(_quantized.Path, "auto", ComputeType.Float16);
        var count = 7 * Shape.Layers;
        Assert.Equal(
            Kinds[format].Kind switch { "int4" => (count, 0), "int8" => (0, count), _ => (0, 0) },
            (stored.Model.Weights.Blocks4, stored.Model.Weights.RowWise8));
        // Activations, scales and all other weights have 11 bits.
        Assert.InRange(Distance(await LogitsAsync(stored), await LogitsAsync(meant)), 1e-5, 0.01);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Open_ConfigurationOfAQuantizedFolder_PlansWhatTheFilesTake(string format)
    {
        Write(format);
        using var checkpoint = Checkpoint.Open(_quantized.Path, new CheckpointOptions { ImageTokenId = 3 });
        var options = new EngineOptions();
        long Weights(ModelShape shape) => MemoryPlan.For(shape, 1, 80L << 30, options).Weights;
        var known = Weights(ModelShape.Of(checkpoint));
        Assert.Equal(known, MemoryPlanTests.BytesOfGraphs(checkpoint, options));
        // Which inputs stand where is in the files alone.
        var orders = format == "gptq act-order" ? checkpoint.Quantized.Values.Sum(m => m.Inputs * sizeof(long)) : 0;
        Assert.Equal(known - orders, Weights(ModelShape.Open(_quantized.Path)));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Linear_QuantizedFolder_ReadsEveryRowExactly(string format)
    {
        Write(format);
        using var meant = TensorStore.Open(_plain.Path);
        using var checkpoint = Checkpoint.Open(_quantized.Path, new CheckpointOptions { ImageTokenId = 3 });
        Assert.Equal(7 * Shape.Layers, checkpoint.Quantized.Count);
        Assert.Empty(checkpoint.UnusedTensors);
        foreach (var (name, matrix) in checkpoint.Quantized)
        {
            // In pieces that begin anywhere.
            var expected = meant.ReadFloat32(name);
            var found = new float[expected.Length];
            var inputs = (int)matrix.Inputs;
            for (int row = 0, count = 1; row < matrix.Outputs; row += count, count = Math.Min(13, (int)matrix.Outputs - row))
            {
                matrix.ReadRows(row, found.AsSpan(row * inputs, count * inputs));
            }

            Assert.Equal(expected, found);
        }
    }

    [Theory]
    [InlineData("""{"quant_method": "bitsandbytes", "load_in_4bit": true}""", "quant_method \"bitsandbytes\"")]
    [InlineData("""{"quant_method": "hqq"}""", "quant_method \"hqq\"")]
    [InlineData("""{"quant_method": "awq", "bits": 8}""", "8")]
    [InlineData("""{"quant_method": "awq", "bits": 4, "version": "gemv"}""", "\"gemv\"")]
    [InlineData("""{"quant_method": "gptq", "bits": 3}""", "3")]
    [InlineData("""{"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"}""", "\"marlin\"")]
    [InlineData("""{"quant_method": "fp8", "fmt": "e5m2"}""", "\"e5m2\"")]
    [InlineData("""{"quant_method": "compressed-tensors", "format": "marlin-24"}""", "\"marlin-24\"")]
    [InlineData("""{"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}""", "\"nvfp4-pack-quantized\"")]
    [InlineData("""{"quant_method": "compressed-tensors", "format": "int-quantized", "sparsity_config": {"format": "sparse-24-bitmask"}}""", "\"sparse-24-bitmask\"")]
    [InlineData("""{"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int", "strategy": "channel"}}}}""", "8")]
    [InlineData("""{"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "float"}}}}""", "float of 4 bits")]
    public void Open_KindsThatStayOut_AreRefusedByName(string config, string found)
    {
        CheckpointWriter.Write(_plain.Path, Shape);
        Configure(_plain.Path, config);
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => Checkpoint.Open(_plain.Path, new CheckpointOptions { ImageTokenId = 3 })).Problems);
        Assert.Contains("quantization_config", problem.Key, StringComparison.Ordinal);
        Assert.Equal(found, problem.Found);
    }

    [Theory]
    [InlineData("qweight")]
    [InlineData("qzeros")]
    [InlineData("scales")]
    public void Open_LayerWithoutOneOfItsTensors_NamesIt(string missing)
    {
        Write("awq", drop: name => name.EndsWith($"layers.1.mlp.up_proj.{missing}", StringComparison.Ordinal));
        var problems = Assert.Throws<CheckpointException>(() => Checkpoint.Open(_quantized.Path, new CheckpointOptions { ImageTokenId = 3 })).Problems;
        Assert.Contains(problems, p => p.Key!.Contains("layers.1.mlp.up_proj.", StringComparison.Ordinal) && p.Found == "no such tensor");
    }

    [Fact]
    public void Open_WrongGroupSize_NamesEveryTensorThatDoesNotFit()
    {
        Write("awq");
        Configure(_quantized.Path, Kinds["awq"].Config.Replace("64", "32", StringComparison.Ordinal));
        var problems = Assert.Throws<CheckpointException>(() => Checkpoint.Open(_quantized.Path, new CheckpointOptions { ImageTokenId = 3 })).Problems;
        Assert.Equal(2 * 7 * Shape.Layers, problems.Count);
        Assert.Contains(problems, p => p.Expected == "I32 [6, 24]" && p.Found == "I32 [3, 24]");
    }

    [Fact]
    public void Open_GroupsThatDoNotExist_AreRefused()
    {
        Write("gptq act-order", change: t => t.Name.EndsWith("layers.0.self_attn.q_proj.g_idx", StringComparison.Ordinal) ? t with { Data = [.. BitConverter.GetBytes(99), .. t.Data[4..]] } : t);
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => Checkpoint.Open(_quantized.Path, new CheckpointOptions { ImageTokenId = 3 })).Problems);
        Assert.EndsWith("q_proj.g_idx", problem.Key, StringComparison.Ordinal);
    }

    private static string Compressed(string format, string weights) =>
        """{"quant_method": "compressed-tensors", "format": "FORMAT", "config_groups": {"group_0": {"targets": ["Linear"], "weights": {WEIGHTS}}}, "ignore": ["lm_head"]}"""
            .Replace("FORMAT", format, StringComparison.Ordinal).Replace("WEIGHTS", weights, StringComparison.Ordinal);

    private static async Task<float[]> LogitsAsync(VlmEngine engine)
    {
        var trace = new GenerationTrace();
        var random = new Random(2);
        var narrow = TestEngine.Prompt(3, 5, 8, 6);
        var prompt = PreparedPrompt.FromFeatures(narrow.Ids, narrow.Spans, [.. Enumerable.Range(0, 8 * Shape.Hidden).Select(_ => (random.NextSingle() * 3) - 1.5f)]);
        await TestEngine.RunAsync(engine, prompt, TestEngine.Tokens(2) with { Trace = trace });
        return trace.StepLogits[0];
    }

    private static double Distance(float[] found, float[] expected) =>
        Math.Sqrt(found.Zip(expected, (f, e) => Math.Pow((double)f - e, 2)).Sum() / expected.Sum(e => (double)e * e));

    private static Task<VlmEngine> LoadAsync(string folder, string weights) =>
        VlmEngine.LoadAsync(new EngineOptions { Checkpoint = folder, KvBudgetMiB = 64, ImageTokenId = 3, Weights = weights });

    private static void Configure(string folder, string config)
    {
        var path = Path.Combine(folder, "config.json");
        var file = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        file["quantization_config"] = JsonNode.Parse(config);
        File.WriteAllText(path, file.ToJsonString());
    }

    /// <summary>Writes a quantised folder, and a plain one of the numbers that it means.</summary>
    private void Write(string format, Func<string, bool>? drop = null, Func<StoredTensor, StoredTensor>? change = null)
    {
        CheckpointWriter.Write(_plain.Path, Shape);
        var random = new Random(17);
        List<StoredTensor> plain = [], quantized = [];
        using (var store = TensorStore.Open(_plain.Path))
        {
            foreach (var entry in store.Entries)
            {
                var values = store.ReadFloat32(entry.Name);
                if (!entry.Name.Contains("language_model.model.layers.", StringComparison.Ordinal) || !entry.Name.EndsWith("_proj.weight", StringComparison.Ordinal))
                {
                    var tensor = StoredTensor.Floats(entry.Name, values, [.. entry.Shape]);
                    plain.Add(tensor);
                    quantized.Add(tensor);
                    continue;
                }

                var layer = Kinds[format].Pack(entry.Name[..^"weight".Length], values, (int)entry.Shape[0], (int)entry.Shape[1], random);
                plain.Add(StoredTensor.Floats(entry.Name, layer.Meaning, [.. entry.Shape]));
                quantized.AddRange(layer.Tensors.Where(t => drop?.Invoke(t.Name) != true).Select(t => change?.Invoke(t) ?? t));
            }
        }

        foreach (var file in Directory.EnumerateFiles(_plain.Path).Where(f => !f.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(_quantized.Path, Path.GetFileName(file)), overwrite: true);
        }

        foreach (var index in Directory.EnumerateFiles(_plain.Path, "*.safetensors*").Concat(Directory.EnumerateFiles(_quantized.Path, "*.index.json")))
        {
            File.Delete(index);
        }

        StoredTensor.Write(Path.Combine(_plain.Path, "model.safetensors"), plain);
        StoredTensor.Write(Path.Combine(_quantized.Path, "model.safetensors"), quantized);
        Configure(_quantized.Path, Kinds[format].Config);
    }
}
