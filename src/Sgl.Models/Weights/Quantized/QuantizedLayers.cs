using System.Runtime.InteropServices;

namespace Sgl.Models.Internal;

/// <summary>Finds the tensors of a quantised linear layer, and checks that they fit together.</summary>
internal sealed class QuantizedLayers(TensorStore store, QuantizationConfig config, ProblemList problems)
{
    private const string WeightEnding = ".weight";

    // What such layers have beside their weights: scales of activations, which are made anew for every row, and what the shapes say already.
    private static readonly string[] Besides =
        ["input_scale", "input_zero_point", "output_scale", "weight_shape", "weight_zero_point", "weight_g_idx", "g_idx", "activation_scale", "qzeros", "scales", "weight_scale", "weight_scale_inv"];

    /// <summary>The matrix, where the files hold it quantised.</summary>
    /// <param name="expected">The layer's weight as it would be unquantised.</param>
    /// <param name="used">Receives the names of tensors that belong to the layer.</param>
    /// <returns>Null where it is not there, or is a plain tensor; problems are added where it is there and does not fit.</returns>
    public LinearMatrix? Find(ExpectedTensor expected, ISet<string> used)
    {
        if (!expected.Name.EndsWith(WeightEnding, StringComparison.Ordinal) || expected.Shape.Count != 2)
        {
            return null;
        }

        var prefix = expected.Name[..^WeightEnding.Length] + ".";
        var before = problems.Count;
        var matrix = Open(prefix, expected);
        if (matrix is null && problems.Count == before)
        {
            return null;
        }

        foreach (var name in Besides.Append("weight").Append("weight_packed").Append("qweight").Select(b => prefix + b).Where(store.Contains))
        {
            used.Add(name);
        }

        return matrix;
    }

    private LinearMatrix? Open(string prefix, ExpectedTensor expected)
    {
        var name = expected.Name;
        long outputs = expected.Shape[0], inputs = expected.Shape[1];
        if (store.TryGet(name, out var stored) && stored.DataType is TensorDataType.Int8 or TensorDataType.Float8E4M3)
        {
            return stored!.DataType == TensorDataType.Int8 ? Int8(prefix, stored, outputs, inputs) : Float8(prefix, stored, outputs, inputs);
        }

        if (store.Contains(prefix + "weight_packed"))
        {
            return Packed(prefix, name, outputs, inputs);
        }

        return store.Contains(prefix + "qweight")
            ? config.Method switch
            {
                QuantizationMethod.Awq => Awq(prefix, name, outputs, inputs),
                QuantizationMethod.Gptq => Gptq(prefix, name, outputs, inputs),
                _ => null,
            }
            : null;
    }

    private Int8Matrix? Int8(string prefix, TensorEntry codes, long outputs, long inputs)
    {
        var scale = Float(prefix + "weight_scale", [outputs, 1], [outputs], [1], []);
        return Shaped(codes, outputs, inputs) && scale is not null ? new Int8Matrix(store, codes.Name, codes, scale) : null;
    }

    private Float8Matrix? Float8(string prefix, TensorEntry codes, long outputs, long inputs)
    {
        var name = store.Contains(prefix + "weight_scale") ? prefix + "weight_scale" : prefix + "weight_scale_inv";
        long[][] shapes = [[outputs, 1], [outputs], [1], []];
        if (config.Block is { } block)
        {
            shapes = [.. shapes, [(outputs + block.Rows - 1) / block.Rows, (inputs + block.Columns - 1) / block.Columns]];
        }

        var scale = Float(name, shapes);
        if (!Shaped(codes, outputs, inputs) || scale is null)
        {
            return null;
        }

        var (rows, columns) = scale.ElementCount == 1 ? ((int)outputs, (int)inputs)
            : config.Block is { } b && scale.Shape.SequenceEqual(shapes[^1]) ? b
            : (1, (int)inputs);
        return new Float8Matrix(store, codes.Name, codes, scale, rows, columns);
    }

    private AwqMatrix? Awq(string prefix, string name, long outputs, long inputs)
    {
        var groupSize = config.GroupSize ?? (int)inputs;
        var groups = (inputs + groupSize - 1) / groupSize;
        var codes = Words(prefix + "qweight", inputs, outputs / 8);
        var zeros = Words(prefix + "qzeros", groups, outputs / 8);
        var scales = Float(prefix + "scales", [groups, outputs]);
        return codes is not null && zeros is not null && scales is not null && Divides(name, outputs) ? new AwqMatrix(store, name, codes, zeros, scales, groupSize) : null;
    }

    private GptqMatrix? Gptq(string prefix, string name, long outputs, long inputs)
    {
        var groupSize = config.GroupSize ?? (int)inputs;
        var groups = (inputs + groupSize - 1) / groupSize;
        var codes = Words(prefix + "qweight", inputs / 8, outputs);
        var zeros = Words(prefix + "qzeros", groups, outputs / 8);
        var scales = Float(prefix + "scales", [groups, outputs]);
        var order = Order(prefix + "g_idx", inputs, groups);
        return codes is not null && zeros is not null && scales is not null && order.Sound && Divides(name, outputs) && Divides(name, inputs)
            ? new GptqMatrix(store, name, codes, zeros, scales, order.GroupOf, groupSize, config.ZerosMinusOne)
            : null;
    }

    private PackedMatrix? Packed(string prefix, string name, long outputs, long inputs)
    {
        var codes = Words(prefix + "weight_packed", outputs, (inputs + 7) / 8);
        if (!store.TryGet(prefix + "weight_scale", out var scale) || !TensorDataTypes.IsFloat(scale.DataType) || scale.Shape is not [var rows, > 0 and var groups] || rows != outputs || inputs % groups != 0)
        {
            Add(prefix + "weight_scale", $"float [{outputs}, groups], as many groups as divide {inputs}");
            return null;
        }

        TensorEntry? zeros = null;
        if (store.TryGet(prefix + "weight_zero_point", out var found))
        {
            var fits = found.DataType == TensorDataType.Int32 ? found.Shape.SequenceEqual([(outputs + 7) / 8, groups])
                : found.DataType == TensorDataType.Int8 && found.Shape.SequenceEqual([outputs, groups]);
            if (!fits)
            {
                Add(found.Name, $"I32 [{(outputs + 7) / 8}, {groups}] or I8 [{outputs}, {groups}]");
                return null;
            }

            zeros = found;
        }

        var order = Order(prefix + "weight_g_idx", inputs, groups);
        return codes is not null && order.Sound ? new PackedMatrix(store, name, inputs, codes, scale, zeros, order.GroupOf, (int)(inputs / groups)) : null;
    }

    private (bool Sound, int[]? GroupOf) Order(string name, long inputs, long groups)
    {
        if (!store.TryGet(name, out var entry))
        {
            return (true, null);
        }

        if (entry.DataType != TensorDataType.Int32 || entry.Shape is not [var count] || count != inputs)
        {
            Add(name, $"I32 [{inputs}]");
            return (false, null);
        }

        var groupOf = MemoryMarshal.Cast<byte, int>(store.Bytes(entry)).ToArray();
        // Some writers leave it at -1 where nothing is reordered.
        if (Array.TrueForAll(groupOf, g => g == -1))
        {
            return (true, null);
        }

        if (!Array.TrueForAll(groupOf, g => g >= 0 && g < groups))
        {
            problems.Add(entry.File, name, $"groups from 0 to {groups - 1}", "others");
            return (false, null);
        }

        return (true, groupOf);
    }

    private TensorEntry? Words(string name, params long[] shape)
    {
        if (store.TryGet(name, out var entry) && entry.DataType == TensorDataType.Int32 && entry.Shape.SequenceEqual(shape))
        {
            return entry;
        }

        Add(name, $"I32 [{string.Join(", ", shape)}]");
        return null;
    }

    private TensorEntry? Float(string name, params long[][] shapes)
    {
        if (store.TryGet(name, out var entry) && TensorDataTypes.IsFloat(entry.DataType) && Array.Exists(shapes, s => entry.Shape.SequenceEqual(s)))
        {
            return entry;
        }

        Add(name, $"float {string.Join(" or ", shapes.Select(s => $"[{string.Join(", ", s)}]"))}");
        return null;
    }

    private bool Shaped(TensorEntry codes, long outputs, long inputs)
    {
        if (codes.Shape.SequenceEqual([outputs, inputs]))
        {
            return true;
        }

        Add(codes.Name, $"shape [{outputs}, {inputs}]");
        return false;
    }

    private bool Divides(string name, long count)
    {
        if (count % 8 == 0)
        {
            return true;
        }

        problems.Add("*.safetensors", name, "a multiple of 8 inputs and outputs", $"{count}");
        return false;
    }

    private void Add(string name, string expected)
    {
        var found = store.TryGet(name, out var entry) ? $"{TensorDataTypes.Name(entry.DataType)} [{string.Join(", ", entry.Shape)}]" : "no such tensor";
        problems.Add(entry?.File ?? "*.safetensors", name, expected, found);
    }
}
