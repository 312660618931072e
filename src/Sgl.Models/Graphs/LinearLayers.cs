namespace Sgl.Models.Graphs;

/// <summary>
/// The one place where linear layers are written: each in the format that the graph's arithmetic names for its weight. Whoever builds a tower or a
/// decoder asks for products here and knows nothing of formats.
/// </summary>
internal static class LinearLayers
{
    private const float LargestCode = 127;
    private const byte ZeroPoint = 128;

    // A row of zeros would be divided by zero.
    private const float SmallestScale = 1e-20f;

    // Accuracy levels of MatMulNBits, which CPUs heed.
    private const long ComputeInFloat = 1, ComputeIn8Bits = 4;

    /// <summary>x [n, in] times the matrix [out, in] transposed, plus bias.</summary>
    public static string Linear(this GraphBuilder g, string x, LinearNames names, long outputs, long inputs) => g.Linears(x, inputs, (names, outputs))[0];

    /// <summary>Several linear layers with the same input: one product where their format allows it.</summary>
    public static string[] Linears(this GraphBuilder g, string x, long inputs, params (LinearNames Names, long Outputs)[] layers)
    {
        var formats = Array.ConvertAll(layers, l => g.Arithmetic.FormatOf(l.Names.Weight));
        // Each of several reordered matrices has an order of its own.
        var joins = formats[0].Kind != LinearKind.Plain
            && !formats[0].Reordered
            && !formats[0].KeepsInputs
            && Array.TrueForAll(formats, f => f == formats[0])
            && layers.Select(l => l.Names.Bias is null).Distinct().Count() == 1;
        if (joins && layers.Length > 1)
        {
            return g.Split(Rounded(g, x, inputs, layers, formats[0]), Array.ConvertAll(layers, l => l.Outputs));
        }

        return [.. layers.Select((layer, i) =>
            formats[i].Kind == LinearKind.Plain ? Plain(g, x, layer.Names, layer.Outputs, inputs) : Rounded(g, x, inputs, [layer], formats[i]))];
    }

    private static string Rounded(GraphBuilder g, string x, long inputs, (LinearNames Names, long Outputs)[] layers, LinearFormat format)
    {
        var product = format.Kind switch
        {
            LinearKind.RowWise8 => RowWise8(g, x, inputs, layers, format),
            LinearKind.Blocks4 => Blocks(g, x, inputs, layers, format, bits: 4),
            LinearKind.Blocks8 => Blocks(g, x, inputs, layers, format, bits: 8),
            _ => throw new InvalidOperationException($"{format} is not known"),
        };
        return layers[0].Names.Bias is null ? product : g.Op("Add", [product, Bias(g, layers, layers.Sum(l => l.Outputs))]);
    }

    private static string Plain(GraphBuilder g, string x, LinearNames names, long outputs, long inputs)
    {
        var weight = g.Weight(names.Weight, outputs, inputs);
        string[] operands = names.Bias is null ? [x, weight] : [x, weight, g.Weight(names.Bias, outputs)];
        return g.Op("Gemm", operands, GraphBuilder.Attr("transB", 1L));
    }

    private static string RowWise8(GraphBuilder g, string x, long inputs, (LinearNames Names, long Outputs)[] layers, LinearFormat format)
    {
        string[] tensors = Array.ConvertAll(layers, l => l.Names.Weight);
        var name = string.Join('+', tensors);
        var outputs = layers.Sum(l => l.Outputs);
        var values = g.Weight(new WeightBinding(name + "#8", [inputs, outputs])
        {
            Part = format.Unsigned ? WeightPart.UInt8Values : WeightPart.Int8Values,
            Tensors = tensors,
        });
        var scales = g.Weight(new WeightBinding(name + "#scales", [outputs]) { Part = WeightPart.Int8Scales, Tensors = tensors });
        var (codes, rowScales) = Rows8(g, x);
        string[] operands = [codes, values, g.Float(1), scales, g.Byte(ZeroPoint)];
        return g.Op("Mul", [g.Contributed("MatMulIntegerToFloat", format.Unsigned ? [.. operands, g.Byte(ZeroPoint)] : operands), rowScales]);
    }

    /// <summary>Each row in 8 bits around 128, and its scale: [n, in], [n, 1]. Made once for all products of the same value.</summary>
    private static (string Codes, string Scales) Rows8(GraphBuilder g, string x)
    {
        if (!g.Reused.TryGetValue("scales of " + x, out var scales))
        {
            var largest = g.Op("ReduceMax", [g.Op("Abs", [x]), g.Ints(-1)], GraphBuilder.Attr("keepdims", 1L));
            scales = g.Op("Add", [g.Op("Mul", [largest, g.Float(1 / LargestCode)]), g.Float(SmallestScale)]);
            g.Reused["scales of " + x] = scales;
            g.Reused["codes of " + x] = g.Op("QuantizeLinear", [g.Op("Div", [x, scales]), g.Float(1), g.Byte(ZeroPoint)]);
        }

        return (g.Reused["codes of " + x], scales);
    }

    private static string Bias(GraphBuilder g, (LinearNames Names, long Outputs)[] layers, long outputs)
    {
        string[] parts = Array.ConvertAll(layers, l => l.Names.Bias!);
        return parts.Length == 1
            ? g.Weight(parts[0], outputs)
            : g.Weight(new WeightBinding(string.Join('+', parts), [outputs]) { Part = WeightPart.Joined, Tensors = parts });
    }

    private static string Blocks(GraphBuilder g, string x, long inputs, (LinearNames Names, long Outputs)[] layers, LinearFormat format, int bits)
    {
        string[] tensors = Array.ConvertAll(layers, l => l.Names.Weight);
        var name = string.Join('+', tensors);
        var outputs = layers.Sum(l => l.Outputs);
        var blocks = (inputs + format.BlockSize - 1) / format.BlockSize;
        string Part(string suffix, WeightPart part, params long[] shape) => g.Weight(new WeightBinding(name + suffix, shape) { Part = part, Tensors = tensors });
        if (format.Reordered)
        {
            x = g.Op("Gather", [x, Part("#order", WeightPart.InputOrder, inputs)], GraphBuilder.Attr("axis", -1L));
        }

        // Without zero points those of 8 bits are 128.
        string[] operands = bits == 4
            ?
            [
                x,
                Part("#4", WeightPart.Blocks4Values, outputs, blocks, format.BlockSize / 2),
                Part("#scales", WeightPart.BlockScales, outputs * blocks),
                Part("#zeros", WeightPart.Blocks4ZeroPoints, outputs * ((blocks + 1) / 2)),
            ]
            : [x, Part("#8", WeightPart.Blocks8Values, outputs, blocks, format.BlockSize), Part("#scales", WeightPart.BlockScales, outputs * blocks)];
        return g.Contributed(
            "MatMulNBits",
            operands,
            GraphBuilder.Attr("K", inputs),
            GraphBuilder.Attr("N", outputs),
            GraphBuilder.Attr("bits", (long)bits),
            GraphBuilder.Attr("block_size", (long)format.BlockSize),
            GraphBuilder.Attr("accuracy_level", format.KeepsInputs ? ComputeInFloat : ComputeIn8Bits));
    }
}
