namespace Sgl.Inference.Tests.Quantized;

/// <summary>What a layer's matrix [out, in] became: the tensors that a tool would store, and the numbers that they mean.</summary>
internal sealed record PackedLayer(IReadOnlyList<StoredTensor> Tensors, float[] Meaning);

/// <summary>
/// Stores matrices as the quantisation tools do, written from the descriptions of their formats and not from the code that reads them: codes are chosen first, the
/// meaning is computed from codes, scales and zero points in the formula of each format, and then the codes are packed.
/// </summary>
internal static class Packing
{
    public const int Group = 64;

    /// <summary>compressed-tensors, int-quantized, strategy channel.</summary>
    public static PackedLayer Int8(string prefix, float[] w, int outputs, int inputs, Random random)
    {
        var codes = new byte[w.Length];
        var scales = new float[outputs];
        var meaning = new float[w.Length];
        for (var o = 0; o < outputs; o++)
        {
            scales[o] = (float)(Half)(w.AsSpan(o * inputs, inputs).ToArray().Max(MathF.Abs) / 127);
            for (var i = 0; i < inputs; i++)
            {
                var code = (int)Math.Clamp(MathF.Round(w[(o * inputs) + i] / scales[o]), -128, 127);
                codes[(o * inputs) + i] = unchecked((byte)code);
                meaning[(o * inputs) + i] = code * scales[o];
            }
        }

        return new PackedLayer(
            [new StoredTensor(prefix + "weight", "I8", [outputs, inputs], codes), StoredTensor.Halves(prefix + "weight_scale", scales, outputs, 1)], meaning);
    }

    /// <summary>FP8, one scale per block of 64 x 48, as <c>weight_scale_inv</c>.</summary>
    public static PackedLayer Float8Blocks(string prefix, float[] w, int outputs, int inputs, Random random)
    {
        const int Rows = 64, Columns = 48;
        var (high, wide) = ((outputs + Rows - 1) / Rows, (inputs + Columns - 1) / Columns);
        float[] scales = [.. Enumerable.Range(0, high * wide).Select(_ => 0.001f + (random.NextSingle() * 0.01f))];
        var (codes, meaning) = Float8(w, outputs, inputs, (o, i) => scales[(o / Rows * wide) + (i / Columns)]);
        return new PackedLayer(
            [new StoredTensor(prefix + "weight", "F8_E4M3", [outputs, inputs], codes), StoredTensor.Floats(prefix + "weight_scale_inv", scales, high, wide)], meaning);
    }

    /// <summary>FP8, one scale per row.</summary>
    public static PackedLayer Float8Rows(string prefix, float[] w, int outputs, int inputs, Random random)
    {
        float[] scales = [.. Enumerable.Range(0, outputs).Select(_ => 0.001f + (random.NextSingle() * 0.01f))];
        var (codes, meaning) = Float8(w, outputs, inputs, (o, _) => scales[o]);
        return new PackedLayer(
            [new StoredTensor(prefix + "weight", "F8_E4M3", [outputs, inputs], codes), StoredTensor.Floats(prefix + "weight_scale", scales, outputs, 1)], meaning);
    }

    /// <summary>FP8, one scale for the matrix, with the scale of static activations beside it.</summary>
    public static PackedLayer Float8Whole(string prefix, float[] w, int outputs, int inputs, Random random)
    {
        const float Scale = 0.003f;
        var (codes, meaning) = Float8(w, outputs, inputs, (_, _) => Scale);
        return new PackedLayer(
            [
                new StoredTensor(prefix + "weight", "F8_E4M3", [outputs, inputs], codes), StoredTensor.Floats(prefix + "weight_scale", [Scale]),
                StoredTensor.Floats(prefix + "input_scale", [0.1f]),
            ],
            meaning);
    }

    /// <summary>AutoAWQ, GEMM: words along the outputs, whose places hold outputs 0 2 4 6 1 3 5 7.</summary>
    public static PackedLayer Awq(string prefix, float[] w, int outputs, int inputs, Random random)
    {
        var q = Quantize4(w, outputs, inputs, i => i / Group, random);
        int[] order = [0, 2, 4, 6, 1, 3, 5, 7];
        int[] Words(int rows, Func<int, int, int> code)
        {
            var words = new int[rows * outputs / 8];
            for (var r = 0; r < rows; r++)
            {
                for (var column = 0; column < outputs / 8; column++)
                {
                    for (var place = 0; place < 8; place++)
                    {
                        words[(r * outputs / 8) + column] |= code(r, (column * 8) + order[place]) << (4 * place);
                    }
                }
            }

            return words;
        }

        return new PackedLayer(
            [
                StoredTensor.Ints(prefix + "qweight", Words(inputs, (i, o) => q.Codes[o, i]), inputs, outputs / 8),
                StoredTensor.Ints(prefix + "qzeros", Words(q.Groups, (g, o) => q.Zeros[o, g]), q.Groups, outputs / 8),
                StoredTensor.Halves(prefix + "scales", [.. from g in Enumerable.Range(0, q.Groups) from o in Enumerable.Range(0, outputs) select q.Scales[o, g]], q.Groups, outputs),
            ],
            q.Meaning);
    }

    /// <summary>GPTQ: words along the inputs; zero points minus 1 in the first format. With <paramref name="reordered"/> inputs belong to groups in any order.</summary>
    public static PackedLayer Gptq(string prefix, float[] w, int outputs, int inputs, Random random, bool reordered, bool minusOne)
    {
        int[] groupOf = [.. Enumerable.Range(0, inputs).Select(i => i / Group)];
        if (reordered)
        {
            random.Shuffle(groupOf);
        }

        var q = Quantize4(w, outputs, inputs, i => groupOf[i], random);
        var codes = new int[inputs / 8 * outputs];
        for (var i = 0; i < inputs; i++)
        {
            for (var o = 0; o < outputs; o++)
            {
                codes[(i / 8 * outputs) + o] |= q.Codes[o, i] << (4 * (i % 8));
            }
        }

        var zeros = new int[q.Groups * outputs / 8];
        for (var g = 0; g < q.Groups; g++)
        {
            for (var o = 0; o < outputs; o++)
            {
                zeros[(g * outputs / 8) + (o / 8)] |= ((q.Zeros[o, g] - (minusOne ? 1 : 0)) & 15) << (4 * (o % 8));
            }
        }

        return new PackedLayer(
            [
                StoredTensor.Ints(prefix + "qweight", codes, inputs / 8, outputs),
                StoredTensor.Ints(prefix + "qzeros", zeros, q.Groups, outputs / 8),
                StoredTensor.Halves(prefix + "scales", [.. from g in Enumerable.Range(0, q.Groups) from o in Enumerable.Range(0, outputs) select q.Scales[o, g]], q.Groups, outputs),
                StoredTensor.Ints(prefix + "g_idx", groupOf, inputs),
            ],
            q.Meaning);
    }

    /// <summary>compressed-tensors, pack-quantized, strategy group: words along the inputs, of signed codes plus 8.</summary>
    public static PackedLayer Compressed4(string prefix, float[] w, int outputs, int inputs, Random random, bool symmetric)
    {
        var q = Quantize4(w, outputs, inputs, i => i / Group, random, symmetric);
        var codes = new int[outputs * inputs / 8];
        for (var o = 0; o < outputs; o++)
        {
            for (var i = 0; i < inputs; i++)
            {
                codes[((o * inputs) + i) / 8] |= q.Codes[o, i] << (4 * (i % 8));
            }
        }

        List<StoredTensor> tensors =
        [
            StoredTensor.Ints(prefix + "weight_packed", codes, outputs, inputs / 8),
            StoredTensor.Halves(prefix + "weight_scale", [.. from o in Enumerable.Range(0, outputs) from g in Enumerable.Range(0, q.Groups) select q.Scales[o, g]], outputs, q.Groups),
            new StoredTensor(prefix + "weight_shape", "I64", [2], [.. BitConverter.GetBytes((long)outputs), .. BitConverter.GetBytes((long)inputs)]),
        ];
        if (!symmetric)
        {
            var zeros = new int[outputs / 8 * q.Groups];
            for (var o = 0; o < outputs; o++)
            {
                for (var g = 0; g < q.Groups; g++)
                {
                    zeros[(o / 8 * q.Groups) + g] |= q.Zeros[o, g] << (4 * (o % 8));
                }
            }

            tensors.Add(StoredTensor.Ints(prefix + "weight_zero_point", zeros, outputs / 8, q.Groups));
        }

        return new PackedLayer(tensors, q.Meaning);
    }

    private static (byte[] Codes, float[] Meaning) Float8(float[] w, int outputs, int inputs, Func<int, int, float> scale)
    {
        var codes = new byte[w.Length];
        var meaning = new float[w.Length];
        for (var n = 0; n < w.Length; n++)
        {
            var s = scale(n / inputs, n % inputs);
            codes[n] = NearestFloat8(w[n] / s);
            meaning[n] = Float8Value(codes[n]) * s;
        }

        return (codes, meaning);
    }

    /// <summary>Sign, 4 exponent bits with bias 7, 3 bits of mantissa; exponent 0 is denormal.</summary>
    private static float Float8Value(byte code)
    {
        var exponent = (code & 0x78) >> 3;
        var fraction = (code & 7) / 8.0;
        var magnitude = exponent == 0 ? fraction * Math.Pow(2, -6) : (1 + fraction) * Math.Pow(2, exponent - 7);
        return (float)((code & 0x80) != 0 ? -magnitude : magnitude);
    }

    private static byte NearestFloat8(float value)
    {
        var at = Array.BinarySearch(SortedFloat8.Values, value);
        at = at >= 0 ? at : ~at;
        var above = Math.Min(at, SortedFloat8.Values.Length - 1);
        var below = Math.Max(above - 1, 0);
        return SortedFloat8.Codes[value - SortedFloat8.Values[below] < SortedFloat8.Values[above] - value ? below : above];
    }

    private static class SortedFloat8
    {
        public static readonly byte[] Codes = [.. Enumerable.Range(0, 256).Where(c => (c & 0x7F) != 0x7F).Select(c => (byte)c).OrderBy(Float8Value)];

        public static readonly float[] Values = Array.ConvertAll(Codes, Float8Value);
    }

    private static (int[,] Codes, int[,] Zeros, float[,] Scales, int Groups, float[] Meaning) Quantize4(
        float[] w, int outputs, int inputs, Func<int, int> groupOf, Random random, bool symmetric = false)
    {
        var groups = inputs / Group;
        int[,] codes = new int[outputs, inputs], zeros = new int[outputs, groups];
        var scales = new float[outputs, groups];
        var meaning = new float[w.Length];
        for (var o = 0; o < outputs; o++)
        {
            for (var g = 0; g < groups; g++)
            {
                zeros[o, g] = symmetric ? 8 : random.Next(1, 16);
                scales[o, g] = (float)(Half)(0.005f + (random.NextSingle() * 0.02f));
            }

            for (var i = 0; i < inputs; i++)
            {
                var g = groupOf(i);
                codes[o, i] = Math.Clamp((int)MathF.Round(w[(o * inputs) + i] / scales[o, g]) + zeros[o, g], 0, 15);
                meaning[(o * inputs) + i] = (codes[o, i] - zeros[o, g]) * scales[o, g];
            }
        }

        return (codes, zeros, scales, groups, meaning);
    }
}
