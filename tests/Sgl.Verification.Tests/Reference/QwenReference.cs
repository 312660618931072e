using Sgl.Guidance;
using Sgl.Inference;
using Sgl.TestKit;

namespace Sgl.Verification.Tests.Reference;

/// <summary>
/// A Qwen2.5-VL or Qwen3-VL model on one prompt, in double precision, loop by loop, from the specification: masks instead of windows cut out, full attention
/// maps, no cache, no shared code with the engine. A sequence is run as a whole (teacher forcing).
/// </summary>
internal sealed class QwenReference : ReferenceScores
{
    private readonly QwenShape _shape;
    private readonly Dictionary<string, double[]> _weights;
    private readonly PreparedPrompt _prompt;
    private readonly int[] _visual;

    public QwenReference(QwenShape shape, PreparedPrompt prompt, StoredType type = StoredType.Float32)
        : base(prompt)
    {
        _shape = shape;
        _weights = shape.Tensors().ToDictionary(t => t.Name, t => Array.ConvertAll(CheckpointWriter.Values(t, shape.Seed, type), v => (double)v));
        _prompt = prompt;
        _visual = prompt.VisualPositions();
        var images = prompt.Images.Select(image => Tower(image.PixelValues, image.Grid!.Value)).ToList();
        Features = images.Count == 0 ? [] : [.. Enumerable.Range(0, images[0].Length).Select(part => images.SelectMany(i => i[part]).ToArray())];
    }

    /// <summary>What replaces the embeddings, then what is added behind layers 0, 1, ...; [parts][tokens][hidden].</summary>
    public double[][][] Features { get; }

    /// <inheritdoc/>
    public override ReferencePass Forward(IReadOnlyList<int> generated, IReadOnlyList<(int Layer, KeepMask Mask)> plan, bool lastToo = false)
    {
        int[] ids = [.. _prompt.Ids, .. generated.Take(generated.Count - (lastToo ? 0 : 1))];
        var positions = Positions(ids.Length);
        var rows = Enumerable.Range(0, ids.Length).ToArray();
        var x = rows.Select(r => (double[])(Token(r) is { } v ? Features[0][v] : Embed(ids[r])).Clone()).ToArray();
        var attention = new List<(int[], double[][][])>();
        for (var layer = 0; layer < _shape.Layers; layer++)
        {
            foreach (var (_, mask) in plan.Where(p => p.Layer == layer))
            {
                var left = Enumerable.Range(0, rows.Length).Where(i => Token(rows[i]) is not { } v || mask[v]).ToArray();
                (x, rows) = ([.. left.Select(i => x[i])], [.. left.Select(i => rows[i])]);
            }

            attention.Add((rows, Layer($"{QwenShape.Text}layers.{layer}.", x, rows, positions)));
            for (var i = 0; layer + 1 < Features.Length && i < rows.Length; i++)
            {
                if (Token(rows[i]) is { } v)
                {
                    AddTo(x[i], Features[layer + 1][v]);
                }
            }
        }

        var head = _shape.Tied ? QwenShape.Text + "embed_tokens" : "lm_head";
        return new ReferencePass([.. x.Select(r => Linear(Rms(r, QwenShape.Text + "norm", _shape.Eps), head))], rows, attention);
    }

    private int? Token(int row) => Array.IndexOf(_visual, row) is >= 0 and var v ? v : null;

    private double[] Embed(int id) => W(QwenShape.Text + "embed_tokens.weight").AsSpan(id * _shape.Hidden, _shape.Hidden).ToArray();

    /// <summary>t, h, w of every row.</summary>
    private int[][] Positions(int count)
    {
        var positions = new int[count][];
        var next = 0;
        for (var row = 0; row < count;)
        {
            var image = _prompt.Spans.ToList().FindIndex(s => s.Start == row);
            if (image < 0)
            {
                positions[row++] = [next, next, next];
                next++;
                continue;
            }

            var (_, h, w) = _prompt.Images[image].Grid!.Value;
            for (var i = 0; i < h / 2 * (w / 2); i++)
            {
                positions[row++] = [next, next + (i / (w / 2)), next + (i % (w / 2))];
            }

            next += Math.Max(h / 2, w / 2);
        }

        return positions;
    }

    private double[][][] Layer(string p, double[][] x, int[] rows, int[][] positions)
    {
        int d = _shape.HeadDim, group = _shape.Heads / _shape.KvHeads;
        double[][] Projected(string name, int heads, bool turned) => [.. x.Select((r, i) =>
        {
            var y = Linear(Rms(r, p + "input_layernorm", _shape.Eps), $"{p}self_attn.{name}_proj");
            for (var h = 0; turned && h < heads; h++)
            {
                var head = y.AsSpan(h * d, d);
                if (_shape.Third)
                {
                    Rms(head.ToArray(), $"{p}self_attn.{name}_norm", _shape.Eps).CopyTo(head);
                }

                Turn(head, j => positions[rows[i]][Axis(j)] * Math.Pow(_shape.Theta, -2.0 * j / d));
            }

            return y;
        })];
        var (q, k, v) = (Projected("q", _shape.Heads, true), Projected("k", _shape.KvHeads, true), Projected("v", _shape.KvHeads, false));
        var maps = Enumerable.Range(0, _shape.Heads).Select(h => Map(q, k, d, h * d, h / group * d, (i, j) => j <= i)).ToArray();
        for (var i = 0; i < x.Length; i++)
        {
            AddTo(x[i], Linear([.. Enumerable.Range(0, _shape.Heads).SelectMany(h => Mixed(maps[h][i], v, h / group * d, d))], p + "self_attn.o_proj"));
            var y = Rms(x[i], p + "post_attention_layernorm", _shape.Eps);
            AddTo(x[i], Linear([.. Linear(y, p + "mlp.gate_proj").Zip(Linear(y, p + "mlp.up_proj"), (g, u) => Silu(g) * u)], p + "mlp.down_proj"));
        }

        return maps;
    }

    /// <summary>Which axis turns frequency j.</summary>
    private int Axis(int j)
    {
        var s = _shape.Sections;
        return _shape.Third
            ? j % 3 == 1 && j < 3 * s[1] ? 1 : j % 3 == 2 && j < 3 * s[2] ? 2 : 0
            : j < s[0] ? 0 : j < s[0] + s[1] ? 1 : 2;
    }

    /// <summary>[1 + DeepStack][tokens][hidden].</summary>
    private double[][][] Tower(float[] pixels, (int T, int H, int W) grid)
    {
        int width = _shape.TowerHidden, d = width / _shape.TowerHeads, values = _shape.PatchValues;
        // Row and column of every patch: merge blocks row by row, each block row by row.
        var places = (from down in Enumerable.Range(0, grid.H / 2)
                      from across in Enumerable.Range(0, grid.W / 2)
                      from y in Enumerable.Range(0, 2)
                      from c in Enumerable.Range(0, 2)
                      select (Y: (2 * down) + y, X: (2 * across) + c)).ToArray();
        var x = places.Select((place, n) =>
        {
            var row = Linear(Array.ConvertAll(pixels[(n * values)..((n + 1) * values)], f => (double)f), QwenShape.Visual + "patch_embed.proj");
            if (_shape.Third)
            {
                AddTo(row, Table(place.Y, grid.H, place.X, grid.W));
            }

            return row;
        }).ToArray();

        var deep = new List<double[][]>();
        for (var b = 0; b < _shape.TowerLayers; b++)
        {
            var p = $"{QwenShape.Visual}blocks.{b}.";
            var windows = !_shape.Third && !_shape.FullBlocks.Contains(b);
            var side = 2 * (_shape.Window / 2 / _shape.PatchSize);
            bool Sees(int i, int j) => !windows || (places[i].Y / side == places[j].Y / side && places[i].X / side == places[j].X / side);
            var qkv = x.Select((r, n) =>
            {
                var y = Linear(Norm(r, p + "norm1"), p + "attn.qkv");
                for (var h = 0; h < 2 * _shape.TowerHeads; h++)
                {
                    Turn(y.AsSpan(h * d, d), j => (j < d / 4 ? places[n].Y : places[n].X) * Math.Pow(10_000, -2.0 * (j % (d / 4)) / (d / 2)));
                }

                return y;
            }).ToArray();
            var maps = Enumerable.Range(0, _shape.TowerHeads).Select(h => Map(qkv, qkv, d, h * d, width + (h * d), Sees)).ToArray();
            for (var n = 0; n < x.Length; n++)
            {
                AddTo(x[n], Linear([.. Enumerable.Range(0, _shape.TowerHeads).SelectMany(h => Mixed(maps[h][n], qkv, (2 * width) + (h * d), d))], p + "attn.proj"));
                var y = Norm(x[n], p + "norm2");
                AddTo(x[n], _shape.Third
                    ? Linear(Array.ConvertAll(Linear(y, p + "mlp.linear_fc1"), GeluTanh), p + "mlp.linear_fc2")
                    : Linear([.. Linear(y, p + "mlp.gate_proj").Zip(Linear(y, p + "mlp.up_proj"), (g, u) => Silu(g) * u)], p + "mlp.down_proj"));
            }

            if (_shape.Third && Array.IndexOf(_shape.DeepStack, b) is >= 0 and var merger)
            {
                var m = $"{QwenShape.Visual}deepstack_merger_list.{merger}.";
                deep.Add([.. x.Chunk(4).Select(c => Merger(Norm([.. c.SelectMany(r => r)], m + "norm"), m + "linear_fc1", m + "linear_fc2"))]);
            }
        }

        var (norm, first, second) = _shape.Third ? ("merger.norm", "merger.linear_fc1", "merger.linear_fc2") : ("merger.ln_q", "merger.mlp.0", "merger.mlp.2");
        double[][] merged = [.. x.Chunk(4).Select(c => Merger([.. c.SelectMany(r => Norm(r, QwenShape.Visual + norm))], QwenShape.Visual + first, QwenShape.Visual + second))];
        return [merged, .. deep];
    }

    /// <summary>The position table at a place of the grid, bilinear, corners on corners.</summary>
    private double[] Table(int y, int height, int x, int width)
    {
        var side = _shape.TableSide;
        double fy = (side - 1.0) * y / (height - 1), fx = (side - 1.0) * x / (width - 1);
        var result = new double[_shape.TowerHidden];
        for (var row = 0; row < side; row++)
        {
            for (var column = 0; column < side; column++)
            {
                var weight = Math.Max(0, 1 - Math.Abs(fy - row)) * Math.Max(0, 1 - Math.Abs(fx - column));
                for (var c = 0; weight > 0 && c < result.Length; c++)
                {
                    result[c] += weight * W(QwenShape.Visual + "pos_embed.weight")[(((row * side) + column) * result.Length) + c];
                }
            }
        }

        return result;
    }

    private double[] Merger(double[] x, string first, string second) => Linear(Array.ConvertAll(Linear(x, first), ReferenceModel.Gelu), second);

    private static double[][] Map(double[][] q, double[][] k, int d, int queryAt, int keyAt, Func<int, int, bool> sees) => [.. q.Select((query, i) =>
    {
        var scores = k.Select((key, j) => sees(i, j) ? Enumerable.Range(0, d).Sum(c => query[queryAt + c] * key[keyAt + c]) / Math.Sqrt(d) : double.NegativeInfinity).ToArray();
        var max = scores.Max();
        var e = Array.ConvertAll(scores, s => Math.Exp(s - max));
        return Array.ConvertAll(e, a => a / e.Sum());
    })];

    private static double[] Mixed(double[] map, double[][] values, int at, int d) => [.. Enumerable.Range(0, d).Select(c => map.Select((a, j) => a * values[j][at + c]).Sum())];

    private static void Turn(Span<double> head, Func<int, double> angle)
    {
        var half = head.Length / 2;
        for (var j = 0; j < half; j++)
        {
            var (sin, cos) = Math.SinCos(angle(j));
            (head[j], head[half + j]) = ((head[j] * cos) - (head[half + j] * sin), (head[half + j] * cos) + (head[j] * sin));
        }
    }

    private double[] W(string name) => _weights[name];

    private double[] Linear(double[] x, string name)
    {
        var w = W(name + ".weight");
        _weights.TryGetValue(name + ".bias", out var bias);
        return [.. Enumerable.Range(0, w.Length / x.Length).Select(o => (bias?[o] ?? 0) + x.Select((a, i) => a * w[(o * x.Length) + i]).Sum())];
    }

    /// <summary>The tower's norms: eps 1e-6, LayerNorm where there is a bias.</summary>
    private double[] Norm(double[] x, string name)
    {
        if (!_weights.TryGetValue(name + ".bias", out var bias))
        {
            return Rms(x, name, 1e-6);
        }

        var mean = x.Average();
        var scale = 1 / Math.Sqrt(x.Average(a => (a - mean) * (a - mean)) + 1e-6);
        return [.. x.Select((a, i) => ((a - mean) * scale * W(name + ".weight")[i]) + bias[i])];
    }

    private double[] Rms(double[] x, string name, double eps)
    {
        var scale = 1 / Math.Sqrt(x.Average(a => a * a) + eps);
        return [.. x.Zip(W(name + ".weight"), (a, w) => a * scale * w)];
    }

    private static double Silu(double x) => x / (1 + Math.Exp(-x));

    private static double GeluTanh(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));

    private static void AddTo(double[] into, double[] what)
    {
        for (var i = 0; i < into.Length; i++)
        {
            into[i] += what[i];
        }
    }
}
