using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;
using Sgl.Models.Graphs;
using E = Sgl.Models.Graphs.GraphBuilder.ElementType;

namespace Sgl.Bench;

/// <summary>
/// Attention with importance as this engine computes it, against the authors' way: eager attention whose maps of all layers are kept until they are summed.
/// Both as graphs of the attention alone, on the same runtime.
/// </summary>
internal static class EagerBench
{
    // Maps of all 24 layers would take 4 GB; time and memory of both ways grow with the layers alike.
    private const int Layers = 8;
    private const int Rows = 1800, TextRows = 40;

    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var config = subject.Config(large: false);
        OrtHost.EnsureCreated(0);
        var section = new Section(
            $"Importance against the authors' eager way: attention of {Layers} layers over {Rows} rows, of which {TextRows} count",
            "goals: at least twice as fast, at most a tenth of the memory. Memory: highest resident memory during a run minus that before it, without an arena",
            ["eager, ms", "ours, ms", "ours / eager", "eager, MiB", "ours, MiB", "ours / eager"]);
        using var eager = new Way(Eager(config), config, EagerInputs(config));
        using var ours = new Way(Ours(config), config, OurInputs(config));
        Compare(eager.Importance(), ours.Importance());
        var s = await Measuring.InterleavedAsync(options.Rounds, () => Task.FromResult(eager.Time()), () => Task.FromResult(ours.Time()));
        var (eagerBytes, ourBytes) = (eager.Memory(), ours.Memory());
        section.Row(
            Measuring.Milliseconds(s[0]), Measuring.Milliseconds(s[1]), Measuring.Ratio(s[1], s[0]),
            $"{eagerBytes >> 20}", $"{ourBytes >> 20}", $"**{(double)ourBytes / eagerBytes:0.000}**");
        section.Figure("importance, ours / eager: time", Measuring.MedianRatio(s[1], s[0]));
        section.Figure("importance, ours / eager: memory", (double)ourBytes / eagerBytes);
        return section;
    }

    /// <summary>Both ways must say the same.</summary>
    private static void Compare(float[] eager, float[] ours)
    {
        var largest = eager.Zip(ours, (a, b) => Math.Abs(a - b)).Max();
        if (eager.Length != ours.Length || largest > 1e-3)
        {
            throw new InvalidOperationException($"the two ways differ by {largest}");
        }
    }

    /// <summary>softmax(q k^T / sqrt(d) + mask) of each layer is an output; the importance is summed over them at the end.</summary>
    private static ComputeGraph Eager(LanguageModelConfig config)
    {
        long heads = config.Heads, kv = config.KvHeads, d = config.HeadDim;
        var g = new GraphBuilder("eager", ComputeType.Float32);
        var q = g.Input("q", E.Float, 1, heads, Rows, d);
        var k = Repeat(g.Input("k", E.Float, 1, kv, Rows, d));
        var v = Repeat(g.Input("v", E.Float, 1, kv, Rows, d));
        var mask = g.Input("mask", E.Float, 1, 1, Rows, Rows);
        var maps = new List<string>();
        for (var layer = 0; layer < Layers; layer++)
        {
            var scores = g.Op("Mul", [g.Op("MatMul", [q, g.Transpose(k, 0, 1, 3, 2)]), g.Float(1f / MathF.Sqrt(d))]);
            var map = g.Op("Softmax", [g.Op("Add", [scores, mask])], GraphBuilder.Attr("axis", -1L));
            g.Output(map, $"map.{layer}", E.Float, 1, heads, Rows, Rows);
            maps.Add(map);
            // The next layer's queries, so that no layer can be left out.
            q = g.Op("MatMul", [map, v]);
        }

        var sums = maps.Select(m => g.Op("ReduceSum", [g.Slice(m, 2, Rows - TextRows, Rows), g.Ints(0, 1, 2)], GraphBuilder.Attr("keepdims", 0L)));
        g.Output(g.Op("Sum", [.. sums]), "importance", E.Float, Rows);
        return g.Build();

        string Repeat(string x) => g.Reshape(
            g.Op("Expand", [g.Reshape(x, 1, kv, 1, Rows, d), g.Ints(1, kv, heads / kv, Rows, d)]), 1, heads, Rows, d);
    }

    /// <summary>The fused attention, and beside it the rows that count.</summary>
    private static ComputeGraph Ours(LanguageModelConfig config)
    {
        long heads = config.Heads, kv = config.KvHeads, d = config.HeadDim;
        var g = new GraphBuilder("ours", ComputeType.Float32);
        var q = g.Input("q", E.Float, 1, Rows, heads * d);
        var (k, v) = (g.Input("k", E.Float, 1, Rows, kv * d), g.Input("v", E.Float, 1, Rows, kv * d));
        var (pastKey, pastValue) = (g.Input("past_key", E.Float, 1, kv, Rows, d), g.Input("past_value", E.Float, 1, kv, Rows, d));
        var seqlens = g.Input("seqlens_k", E.Int32, 1);
        var total = g.Input("total_length", E.Int32, 1);
        var rows = new ChosenRowImportance(g, config, total);
        for (var layer = 0; layer < Layers; layer++)
        {
            string attended = g.NewValue(), presentKey = g.NewValue(), presentValue = g.NewValue();
            g.AddContributed(
                "GroupQueryAttention",
                [q, k, v, pastKey, pastValue, seqlens, total],
                [attended, presentKey, presentValue],
                GraphBuilder.Attr("num_heads", heads),
                GraphBuilder.Attr("kv_num_heads", kv),
                GraphBuilder.Attr("scale", 1f / MathF.Sqrt(d)),
                GraphBuilder.Attr("do_rotary", 0L));
            rows.Add(q, presentKey);
            q = attended;
        }

        rows.Finish();
        g.Output(q, "attended", E.Float, 1, Rows, heads * d);
        return g.Build();
    }

    private static Dictionary<string, (object Data, long[] Shape)> EagerInputs(LanguageModelConfig config)
    {
        var mask = new float[Rows * Rows];
        for (var i = 0; i < mask.Length; i++)
        {
            mask[i] = i % Rows > i / Rows ? -1e9f : 0;
        }

        float[] Heads(int seed, int heads)
        {
            // [rows, heads, d] as ours has it, to [heads, rows, d].
            var (d, source) = (config.HeadDim, Noise(seed, Rows * heads * config.HeadDim));
            return [.. from h in Enumerable.Range(0, heads) from r in Enumerable.Range(0, Rows) from i in Enumerable.Range(0, d) select source[(((r * heads) + h) * d) + i]];
        }

        return new()
        {
            ["q"] = (Heads(1, config.Heads), [1, config.Heads, Rows, config.HeadDim]),
            ["k"] = (Heads(2, config.KvHeads), [1, config.KvHeads, Rows, config.HeadDim]),
            ["v"] = (Heads(3, config.KvHeads), [1, config.KvHeads, Rows, config.HeadDim]),
            ["mask"] = (mask, [1, 1, Rows, Rows]),
        };
    }

    private static Dictionary<string, (object Data, long[] Shape)> OurInputs(LanguageModelConfig config)
    {
        long q = config.Heads * config.HeadDim, kv = config.KvHeads * config.HeadDim;
        long[] chosen = [.. Enumerable.Range(Rows - TextRows, TextRows)];
        float[] weights = new float[TextRows];
        Array.Fill(weights, 1);
        return new()
        {
            ["q"] = (Noise(1, (int)(Rows * q)), [1, Rows, q]),
            ["k"] = (Noise(2, (int)(Rows * kv)), [1, Rows, kv]),
            ["v"] = (Noise(3, (int)(Rows * kv)), [1, Rows, kv]),
            ["past_key"] = (new float[Rows * kv], [1, config.KvHeads, Rows, config.HeadDim]),
            ["past_value"] = (new float[Rows * kv], [1, config.KvHeads, Rows, config.HeadDim]),
            ["seqlens_k"] = (new[] { Rows - 1 }, [1]),
            ["total_length"] = (new[] { Rows }, [1]),
            ["importance_rows"] = (chosen, [TextRows]),
            ["importance_limit"] = (chosen, [1, TextRows]),
            ["importance_weight"] = (weights, [1, TextRows]),
        };
    }

    private static float[] Noise(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)];
    }

    private sealed class Way : IDisposable
    {
        private readonly InferenceSession _session;
        private readonly RunOptions _run = new();
        private readonly string[] _names;
        private readonly OrtValue[] _values;
        private readonly string[] _outputs;

        public Way(ComputeGraph graph, LanguageModelConfig config, Dictionary<string, (object Data, long[] Shape)> inputs)
        {
            using var options = new SessionOptions { EnableCpuMemArena = false, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            options.DisablePerSessionThreads();
            _session = new InferenceSession(graph.ToBytes(), options);
            _names = [.. inputs.Keys];
            _values = [.. inputs.Values.Select(i => i.Data switch
            {
                float[] f => OrtValue.CreateTensorValueFromMemory(f, i.Shape),
                long[] l => OrtValue.CreateTensorValueFromMemory(l, i.Shape),
                _ => OrtValue.CreateTensorValueFromMemory((int[])i.Data, i.Shape),
            })];
            _outputs = [.. _session.OutputMetadata.Keys];
        }

        public Cost Time()
        {
            var begin = Cost.Now();
            using var results = _session.Run(_run, _names, _values, _outputs);
            return Cost.Now() - begin;
        }

        /// <summary>Per key, summed over layers.</summary>
        public float[] Importance()
        {
            using var results = _session.Run(_run, _names, _values, ["importance"]);
            var all = results[0].GetTensorDataAsSpan<float>();
            var sums = new float[Rows];
            for (var i = 0; i < all.Length; i++)
            {
                sums[i % Rows] += all[i];
            }

            return sums;
        }

        /// <summary>Highest resident memory of a run above that before it.</summary>
        public long Memory()
        {
            GC.Collect();
            File.WriteAllText("/proc/self/clear_refs", "5");
            var before = StartBench.Memory().Resident;
            using (_session.Run(_run, _names, _values, _outputs))
            {
            }

            var peak = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM", StringComparison.Ordinal)).Split(':')[1].Trim().Split(' ')[0];
            return (long.Parse(peak, CultureInfo.InvariantCulture) << 10) - before;
        }

        public void Dispose()
        {
            Array.ForEach(_values, v => v.Dispose());
            _run.Dispose();
            _session.Dispose();
        }
    }
}
