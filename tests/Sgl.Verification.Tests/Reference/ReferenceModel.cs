using Sgl.TestKit;

namespace Sgl.Verification.Tests.Reference;

/// <summary>Rows of visual tokens that a layer and those behind it no longer see.</summary>
/// <param name="Layer">K.</param>
/// <param name="Dropped">Row numbers in the whole sequence.</param>
internal sealed record ReferenceDrop(int Layer, IReadOnlySet<int> Dropped);

/// <summary>What one forward pass over a whole sequence yields.</summary>
/// <param name="Logits">One row per row that is left at the end, in order.</param>
/// <param name="Rows">Row numbers in the whole sequence that are left at the end.</param>
/// <param name="Attention">Per layer: row numbers present, and the map [heads][query][key] over them.</param>
internal sealed record ReferencePass(double[][] Logits, int[] Rows, IReadOnlyList<(int[] Rows, double[][][] Map)> Attention);

/// <summary>
/// An InternVL2 model in double precision, loop by loop, from the definitions: full attention maps, no cache, no shared code with the engine.
/// A sequence is run as a whole (teacher forcing).
/// </summary>
internal sealed class ReferenceModel(CheckpointShape shape, StoredType type = StoredType.Float32)
{
    private readonly Dictionary<string, double[]> _weights = shape.Tensors().ToDictionary(
        t => t.Name, t => Array.ConvertAll(CheckpointWriter.Values(t, shape.Seed, type), v => (double)v));

    /// <summary>Visual features, one row per token, of tiles [tiles, 3, s, s].</summary>
    public double[][] Vision(float[] pixels, int tiles) =>
        [.. Enumerable.Range(0, tiles).SelectMany(t => Tile(pixels.AsSpan(t * 3 * shape.TileSize * shape.TileSize, 3 * shape.TileSize * shape.TileSize)))];

    /// <summary>Embedding of an id.</summary>
    public double[] Embed(int id) =>
        W(shape.Decoder == DecoderKind.InternLm2 ? "language_model.model.tok_embeddings.weight" : "language_model.model.embed_tokens.weight")
            .AsSpan(id * shape.Hidden, shape.Hidden).ToArray();

    /// <summary>Runs a whole sequence of input rows; position ids are the row numbers.</summary>
    public ReferencePass Forward(IReadOnlyList<double[]> inputs, IReadOnlyList<ReferenceDrop> drops)
    {
        var rows = Enumerable.Range(0, inputs.Count).ToArray();
        double[][] x = [.. inputs.Select(r => (double[])r.Clone())];
        var attention = new List<(int[], double[][][])>();
        for (var layer = 0; layer < shape.Layers; layer++)
        {
            foreach (var drop in drops.Where(d => d.Layer == layer))
            {
                var left = Enumerable.Range(0, rows.Length).Where(i => !drop.Dropped.Contains(rows[i])).ToArray();
                x = [.. left.Select(i => x[i])];
                rows = [.. left.Select(i => rows[i])];
            }

            attention.Add((rows, Layer(layer, x, rows, inputs.Count)));
        }

        var head = shape.Decoder == DecoderKind.InternLm2 ? "language_model.output.weight" : "language_model.lm_head.weight";
        var logits = x.Select(r => Linear(Rms(r, "language_model.model.norm.weight", 1e-5), head, null)).ToArray();
        return new ReferencePass(logits, rows, attention);
    }

    private double[][][] Layer(int layer, double[][] x, int[] rows, int sequenceLength)
    {
        var p = shape.LayerPrefix(layer);
        var internLm = shape.Decoder == DecoderKind.InternLm2;
        int d = shape.HeadDim, group = shape.Heads / shape.KvHeads;
        var q = new double[x.Length][];
        var k = new double[x.Length][];
        var v = new double[x.Length][];
        for (var i = 0; i < x.Length; i++)
        {
            (q[i], k[i], v[i]) = Qkv(Rms(x[i], p + (internLm ? "attention_norm" : "input_layernorm") + ".weight", 1e-5), p);
            Rotate(q[i], rows[i], sequenceLength);
            Rotate(k[i], rows[i], sequenceLength);
        }

        var maps = new double[shape.Heads][][];
        for (var h = 0; h < shape.Heads; h++)
        {
            maps[h] = new double[x.Length][];
            for (var i = 0; i < x.Length; i++)
            {
                var scores = new double[i + 1];
                for (var j = 0; j <= i; j++)
                {
                    for (var c = 0; c < d; c++)
                    {
                        scores[j] += q[i][(h * d) + c] * k[j][(h / group * d) + c];
                    }

                    scores[j] /= Math.Sqrt(d);
                }

                maps[h][i] = Softmax(scores);
            }
        }

        for (var i = 0; i < x.Length; i++)
        {
            var mixed = new double[shape.Heads * d];
            for (var h = 0; h < shape.Heads; h++)
            {
                for (var j = 0; j <= i; j++)
                {
                    for (var c = 0; c < d; c++)
                    {
                        mixed[(h * d) + c] += maps[h][i][j] * v[j][(h / group * d) + c];
                    }
                }
            }

            AddTo(x[i], Linear(mixed, p + (internLm ? "attention.wo.weight" : "self_attn.o_proj.weight"), internLm && shape.Bias ? p + "attention.wo.bias" : null));
            AddTo(x[i], Mlp(Rms(x[i], p + (internLm ? "ffn_norm" : "post_attention_layernorm") + ".weight", 1e-5), p));
        }

        return maps;
    }

    private (double[] Q, double[] K, double[] V) Qkv(double[] x, string p)
    {
        int d = shape.HeadDim, q = shape.Heads * d, kv = shape.KvHeads * d;
        switch (shape.Decoder)
        {
            case DecoderKind.InternLm2:
                // Per key head: its queries, the key, the value.
                var packed = Linear(x, p + "attention.wqkv.weight", shape.Bias ? p + "attention.wqkv.bias" : null);
                var group = shape.Heads / shape.KvHeads;
                double[] Heads(int first, int count) =>
                    [.. Enumerable.Range(0, shape.KvHeads).SelectMany(h => packed.Skip(((h * (group + 2)) + first) * d).Take(count * d))];
                return (Heads(0, group), Heads(group, 1), Heads(group + 1, 1));
            case DecoderKind.Phi3:
                var all = Linear(x, p + "self_attn.qkv_proj.weight", null);
                return (all[..q], all[q..(q + kv)], all[(q + kv)..]);
            default:
                double[] One(string name) => Linear(x, $"{p}self_attn.{name}_proj.weight", shape.Decoder == DecoderKind.Qwen2 ? $"{p}self_attn.{name}_proj.bias" : null);
                return (PerHead(One("q"), p + "self_attn.q_norm.weight"), PerHead(One("k"), p + "self_attn.k_norm.weight"), One("v"));
        }
    }

    /// <summary>Qwen3 norms every head of q and k by itself, in front of the rotation.</summary>
    private double[] PerHead(double[] x, string weight) => shape.Decoder == DecoderKind.Qwen3
        ? [.. Enumerable.Range(0, x.Length / shape.HeadDim).SelectMany(h => Rms(x[(h * shape.HeadDim)..((h + 1) * shape.HeadDim)], weight, 1e-5))]
        : x;

    private double[] Mlp(double[] x, string p)
    {
        double[] gate, up;
        if (shape.Decoder == DecoderKind.Phi3)
        {
            var both = Linear(x, p + "mlp.gate_up_proj.weight", null);
            (gate, up) = (both[..shape.Inner], both[shape.Inner..]);
        }
        else
        {
            var internLm = shape.Decoder == DecoderKind.InternLm2;
            gate = Linear(x, p + (internLm ? "feed_forward.w1.weight" : "mlp.gate_proj.weight"), null);
            up = Linear(x, p + (internLm ? "feed_forward.w3.weight" : "mlp.up_proj.weight"), null);
        }

        double[] inner = [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)];
        return Linear(inner, p + (shape.Decoder == DecoderKind.InternLm2 ? "feed_forward.w2.weight" : "mlp.down_proj.weight"), null);
    }

    private void Rotate(double[] heads, int position, int sequenceLength)
    {
        var d = shape.HeadDim;
        var isLong = sequenceLength > shape.OriginalMaxPositions;
        var scale = 1.0;
        if (shape.Decoder == DecoderKind.Phi3 && shape.MaxPositions > shape.OriginalMaxPositions)
        {
            scale = Math.Sqrt(1 + (Math.Log((double)shape.MaxPositions / shape.OriginalMaxPositions) / Math.Log(shape.OriginalMaxPositions)));
        }

        var theta = shape.RopeTheta;
        if (shape.NtkFactor is { } factor && sequenceLength > shape.MaxPositions)
        {
            theta *= Math.Pow((factor * sequenceLength / shape.MaxPositions) - (factor - 1), d / (d - 2.0));
        }

        for (var i = 0; i < d / 2; i++)
        {
            var frequency = Math.Pow(theta, -2.0 * i / d);
            if (shape.Decoder == DecoderKind.Phi3)
            {
                frequency /= (isLong ? shape.LongFactors : shape.ShortFactors)[i];
            }

            var (sin, cos) = Math.SinCos(position * frequency);
            for (var h = 0; h < heads.Length; h += d)
            {
                var (a, b) = (heads[h + i], heads[h + i + (d / 2)]);
                heads[h + i] = ((a * cos) - (b * sin)) * scale;
                heads[h + i + (d / 2)] = ((b * cos) + (a * sin)) * scale;
            }
        }
    }

    private double[][] Tile(ReadOnlySpan<float> pixels)
    {
        int size = shape.TileSize, patch = shape.PatchSize, side = shape.PatchesPerSide, width = shape.TowerHidden;
        double[] kernel = W("vision_model.embeddings.patch_embedding.weight"), positions = W("vision_model.embeddings.position_embedding");
        var x = new double[(side * side) + 1][];
        x[0] = (double[])W("vision_model.embeddings.class_embedding").Clone();
        for (var n = 0; n < side * side; n++)
        {
            x[n + 1] = (double[])W("vision_model.embeddings.patch_embedding.bias").Clone();
            for (var o = 0; o < width; o++)
            {
                for (var c = 0; c < 3; c++)
                {
                    for (var dy = 0; dy < patch; dy++)
                    {
                        for (var dx = 0; dx < patch; dx++)
                        {
                            x[n + 1][o] += kernel[(((((o * 3) + c) * patch) + dy) * patch) + dx]
                                * pixels[(((c * size) + (n / side * patch) + dy) * size) + (n % side * patch) + dx];
                        }
                    }
                }
            }
        }

        for (var n = 0; n < x.Length; n++)
        {
            AddTo(x[n], positions[(n * width)..((n + 1) * width)]);
        }

        for (var i = 0; i < shape.TowerLayers; i++)
        {
            TowerBlock($"vision_model.encoder.layers.{i}.", x);
        }

        var features = new List<double[]>();
        for (var row = 0; row < side; row += 2)
        {
            for (var column = 0; column < side; column += 2)
            {
                double[] At(int dy, int dx) => x[1 + ((row + dy) * side) + column + dx];
                double[] merged = [.. At(0, 0), .. At(0, 1), .. At(1, 0), .. At(1, 1)];
                var inner = Linear(LayerNorm(merged, "mlp1.0", 1e-5), "mlp1.1.weight", "mlp1.1.bias");
                features.Add(Linear(Array.ConvertAll(inner, Gelu), "mlp1.3.weight", "mlp1.3.bias"));
            }
        }

        return [.. features];
    }

    private void TowerBlock(string p, double[][] x)
    {
        int width = shape.TowerHidden, d = width / shape.TowerHeads;
        double[] Norm(double[] r, string name) => shape.LargeTower ? Rms(r, p + name + ".weight", 1e-6) : LayerNorm(r, p + name, 1e-6);
        double[] PerHead(double[] r, string name) => shape.LargeTower ? Rms(r, p + name, 1e-6) : r;
        var qkv = x.Select(r => Linear(Norm(r, "norm1"), p + "attn.qkv.weight", shape.LargeTower ? null : p + "attn.qkv.bias")).ToArray();
        var q = qkv.Select(r => PerHead(r[..width], "attn.q_norm.weight")).ToArray();
        var k = qkv.Select(r => PerHead(r[width..(2 * width)], "attn.k_norm.weight")).ToArray();
        for (var i = 0; i < x.Length; i++)
        {
            var mixed = new double[width];
            for (var h = 0; h < shape.TowerHeads; h++)
            {
                var weights = Softmax([.. k.Select(key => Enumerable.Range(h * d, d).Sum(c => q[i][c] * key[c]) / Math.Sqrt(d))]);
                for (var c = h * d; c < (h + 1) * d; c++)
                {
                    mixed[c] = Enumerable.Range(0, x.Length).Sum(j => weights[j] * qkv[j][(2 * width) + c]);
                }
            }

            // Every row's keys and values were taken from the block's input above, so rows may be changed in place.
            AddTo(x[i], Scaled(Linear(mixed, p + "attn.proj.weight", p + "attn.proj.bias"), p + "ls1"));
            var inner = Array.ConvertAll(Linear(Norm(x[i], "norm2"), p + "mlp.fc1.weight", p + "mlp.fc1.bias"), Gelu);
            AddTo(x[i], Scaled(Linear(inner, p + "mlp.fc2.weight", p + "mlp.fc2.bias"), p + "ls2"));
        }
    }

    private double[] W(string name) => _weights[name];

    private double[] Scaled(double[] x, string weight) => [.. x.Zip(W(weight), (a, b) => a * b)];

    private double[] Linear(double[] x, string weight, string? bias)
    {
        var w = W(weight);
        var result = new double[w.Length / x.Length];
        for (var o = 0; o < result.Length; o++)
        {
            var sum = bias is null ? 0 : W(bias)[o];
            for (var i = 0; i < x.Length; i++)
            {
                sum += w[(o * x.Length) + i] * x[i];
            }

            result[o] = sum;
        }

        return result;
    }

    private double[] Rms(double[] x, string weight, double eps)
    {
        var scale = 1 / Math.Sqrt((x.Sum(a => a * a) / x.Length) + eps);
        return [.. x.Zip(W(weight), (a, w) => a * scale * w)];
    }

    private double[] LayerNorm(double[] x, string name, double eps)
    {
        var mean = x.Average();
        var scale = 1 / Math.Sqrt(x.Average(a => (a - mean) * (a - mean)) + eps);
        return [.. x.Select((a, i) => ((a - mean) * scale * W(name + ".weight")[i]) + W(name + ".bias")[i])];
    }

    private static double[] Softmax(double[] x)
    {
        var max = x.Max();
        var e = Array.ConvertAll(x, a => Math.Exp(a - max));
        var sum = e.Sum();
        return Array.ConvertAll(e, a => a / sum);
    }

    internal static double Gelu(double x) => 0.5 * x * (1 + Erf(x / Math.Sqrt(2)));

    /// <summary>Taylor series; its terms stay far below 1/epsilon for the arguments that occur here.</summary>
    private static double Erf(double x)
    {
        if (Math.Abs(x) > 5)
        {
            return Math.Sign(x);
        }

        double term = x, sum = x;
        for (var n = 1; Math.Abs(term) > 1e-17 * Math.Abs(sum) && n < 400; n++)
        {
            term *= -x * x / n;
            sum += term / ((2 * n) + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }

    private static void AddTo(double[] into, double[] what)
    {
        for (var i = 0; i < into.Length; i++)
        {
            into[i] += what[i];
        }
    }
}
