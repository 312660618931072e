using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Google.Protobuf;
using Sgl.Models;
using Sgl.Models.Graphs;
using Sgl.Models.Onnx;
using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Bench;

/// <summary>
/// A decoder for onnxruntime-genai, as its own builder makes them for CPUs: 4-bit blocks of 32 (<c>MatMulNBits</c>, accuracy level 4), grouped attention with
/// rotary positions, logits of the last row only, its configuration beside it. Weights are random.
/// </summary>
internal static class GenAiFolder
{
    private const int Block = 32, Positions = 4096;
    private const string Data = "model.onnx.data";
    private const double Theta = 1_000_000;

    /// <summary>The folder of a target, made once.</summary>
    public static string Prepare(string target, LanguageModelConfig config, string cache)
    {
        var folder = Path.Combine(cache, $"{target}-genai-int4");
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder + ".partial");
            Write(folder + ".partial", config);
            Directory.Move(folder + ".partial", folder);
        }

        return folder;
    }

    private static void Write(string folder, LanguageModelConfig config)
    {
        var graph = Build(config);
        var model = ModelProto.Parser.ParseFrom(graph.ToBytes());
        var initializers = model.Graph.Initializer.ToDictionary(i => i.Name);
        using (var file = File.Create(Path.Combine(folder, Data)))
        {
            foreach (var weight in graph.Weights)
            {
                var (offset, bytes) = (file.Position, Values(weight, config));
                var external = initializers[weight.Name].ExternalData;
                external.Clear();
                foreach (var (key, value) in new[] { ("location", Data), ("offset", Number(offset)), ("length", Number(bytes.Length)) })
                {
                    external.Add(new StringStringEntryProto { Key = key, Value = value });
                }

                file.Write(bytes);
                file.Position = (file.Position + 4095) / 4096 * 4096;
            }

            file.SetLength(file.Position);
        }

        File.WriteAllBytes(Path.Combine(folder, "model.onnx"), model.ToByteArray());
        File.WriteAllText(Path.Combine(folder, "genai_config.json"), Configuration(config));
    }

    private static ComputeGraph Build(LanguageModelConfig config)
    {
        long hidden = config.HiddenSize, heads = config.Heads, kv = config.KvHeads, d = config.HeadDim;
        var g = new GraphBuilder("decoder", ComputeType.Float32);
        var ids = g.Input("input_ids", E.Int64, "B", "S");
        var mask = g.Input("attention_mask", E.Int64, "B", "T");
        string Int32(string x) => g.Op("Cast", [x], GraphBuilder.Attr("to", (long)E.Int32));
        var seqlens = Int32(g.Op("Sub", [g.Op("ReduceSum", [mask, g.Ints(1)], GraphBuilder.Attr("keepdims", 0L)), g.IntScalar(1)]));
        var total = Int32(g.Op("Shape", [mask], GraphBuilder.Attr("start", 1L), GraphBuilder.Attr("end", 2L)));
        string cos = g.Weight("cos", Positions, d / 2), sin = g.Weight("sin", Positions, d / 2);
        var residual = g.Op("Gather", [g.Weight("embedding", config.VocabularySize, hidden), ids]);
        var normed = g.RmsNorm(residual, "norm.0", hidden, config.RmsNormEps);
        for (var i = 0; i < config.Layers; i++)
        {
            string Linear(string x, string name, long outputs, long inputs, bool bias = false)
            {
                var weight = $"layer.{i}.{name}";
                var product = Blocks(g, x, weight, outputs, inputs);
                return bias ? g.Op("Add", [product, g.Weight(weight + ".bias", outputs)]) : product;
            }

            object[] cache = ["B", kv, "P", d], grown = ["B", kv, "T", d];
            var (past, pastValue) = (g.Input(FormattableString.Invariant($"past_key_values.{i}.key"), E.Float, cache), g.Input(FormattableString.Invariant($"past_key_values.{i}.value"), E.Float, cache));
            string attended = g.NewValue(), present = $"present.{i}.key", presentValue = $"present.{i}.value";
            g.AddContributed(
                "GroupQueryAttention",
                [
                    Linear(normed, "q", heads * d, hidden, config.QkvBias), Linear(normed, "k", kv * d, hidden, config.QkvBias), Linear(normed, "v", kv * d, hidden, config.QkvBias),
                    past, pastValue, seqlens, total, cos, sin,
                ],
                [attended, present, presentValue],
                GraphBuilder.Attr("num_heads", heads), GraphBuilder.Attr("kv_num_heads", kv), GraphBuilder.Attr("scale", 1f / MathF.Sqrt(d)), GraphBuilder.Attr("do_rotary", 1L));
            g.Output(present, present, E.Float, grown);
            g.Output(presentValue, presentValue, E.Float, grown);
            (normed, residual) = Skip(Linear(attended, "o", hidden, heads * d), $"norm.{i}.mlp");
            var gate = g.Silu(Linear(normed, "gate", config.IntermediateSize, hidden));
            var mlp = g.Op("Mul", [gate, Linear(normed, "up", config.IntermediateSize, hidden)]);
            (normed, residual) = Skip(Linear(mlp, "down", hidden, config.IntermediateSize), $"norm.{i + 1}");
        }

        var last = g.Op("Slice", [normed, g.Ints(-1), g.Ints(long.MaxValue), g.Ints(1)]);
        g.Output(Blocks(g, last, "head", config.VocabularySize, hidden), "logits", E.Float, "B", 1, config.VocabularySize);
        return g.Build();

        (string Normed, string Sum) Skip(string x, string weight)
        {
            string result = g.NewValue(), sum = g.NewValue();
            g.AddContributed("SkipSimplifiedLayerNormalization", [x, residual, g.Weight(weight, hidden)], [result, "", "", sum], GraphBuilder.Attr("epsilon", config.RmsNormEps));
            return (result, sum);
        }
    }

    private static string Blocks(GraphBuilder g, string x, string name, long outputs, long inputs) => g.Contributed(
        "MatMulNBits",
        [
            x,
            g.Weight(new WeightBinding(name + "#4", [outputs, inputs / Block, Block / 2]) { Part = WeightPart.Blocks4Values }),
            g.Weight(new WeightBinding(name + "#scales", [outputs * (inputs / Block)]) { Part = WeightPart.BlockScales }),
        ],
        GraphBuilder.Attr("K", inputs), GraphBuilder.Attr("N", outputs), GraphBuilder.Attr("bits", 4L), GraphBuilder.Attr("block_size", (long)Block), GraphBuilder.Attr("accuracy_level", 4L));

    private static byte[] Values(WeightBinding weight, LanguageModelConfig config)
    {
        var count = checked((int)weight.Shape.Aggregate(1L, (a, b) => a * b));
        var random = new Random(count);
        if (weight.Part == WeightPart.Blocks4Values)
        {
            var codes = new byte[count];
            random.NextBytes(codes);
            return codes;
        }

        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            var (row, column) = Math.DivRem(i, config.HeadDim / 2);
            var angle = row * Math.Pow(Theta, -2.0 * column / config.HeadDim);
            values[i] = weight.Name switch
            {
                "cos" => (float)Math.Cos(angle),
                "sin" => (float)Math.Sin(angle),
                "embedding" => random.NextSingle() - 0.5f,
                _ when weight.Name.StartsWith("norm", StringComparison.Ordinal) => 1,
                _ when weight.Part == WeightPart.BlockScales => 0.004f,
                _ => 0,
            };
        }

        return MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
    }

    private static string Configuration(LanguageModelConfig config) => JsonSerializer.Serialize(new
    {
        model = new
        {
            bos_token_id = 1,
            context_length = Positions,
            decoder = new
            {
                session_options = new { log_id = "onnxruntime-genai", provider_options = Array.Empty<object>() },
                filename = "model.onnx",
                head_size = config.HeadDim,
                hidden_size = config.HiddenSize,
                inputs = new { input_ids = "input_ids", attention_mask = "attention_mask", past_key_names = "past_key_values.%d.key", past_value_names = "past_key_values.%d.value" },
                outputs = new { logits = "logits", present_key_names = "present.%d.key", present_value_names = "present.%d.value" },
                num_attention_heads = config.Heads,
                num_hidden_layers = config.Layers,
                num_key_value_heads = config.KvHeads,
            },
            eos_token_id = 2,
            pad_token_id = 0,
            type = "qwen2",
            vocab_size = config.VocabularySize,
        },
        search = new { do_sample = false, max_length = Positions, min_length = 0, num_beams = 1, past_present_share_buffer = true },
    });

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
