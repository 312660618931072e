namespace Sgl.Models.Internal;

/// <summary>Reads <c>quantization_config</c>; what cannot be computed with is refused by its name.</summary>
internal static class QuantizationParser
{
    private const string Key = "quantization_config";
    private const string Known = "awq, gptq (both 4 bits), compressed-tensors (int8, 4 bits, fp8) or fp8, or unquantized weights";

    /// <summary>What a whole <c>config.json</c> says, at its top or in the decoder's part.</summary>
    public static QuantizationConfig? Find(ConfigReader file) =>
        Read(file) ?? new[] { "llm_config", "text_config" }.Select(file.OptionalObject).OfType<ConfigReader>().Select(Read).FirstOrDefault(q => q is not null);

    /// <param name="config">The object that may say so: the top level of <c>config.json</c>, or the decoder's part of it.</param>
    /// <returns>Null where nothing is said, or where there is a problem.</returns>
    public static QuantizationConfig? Read(ConfigReader config)
    {
        if (!config.Has(Key))
        {
            return null;
        }

        var file = config.OptionalObject(Key);
        var method = file?.TextOrNull("quant_method");
        switch (method)
        {
            case "awq":
                return Awq(file!);
            case "gptq":
                return Gptq(file!);
            case "compressed-tensors":
                return CompressedTensors(file!);
            case "fp8":
                return Fp8(file!);
            default:
                config.Problem(Key, Known, method is null ? null : $"quant_method \"{method}\"");
                return null;
        }
    }

    private static QuantizationConfig Awq(ConfigReader file)
    {
        FourBits(file, file.Has("w_bit") ? "w_bit" : "bits");
        Word(file, "version", "gemm", "gemm");
        return new QuantizationConfig(QuantizationMethod.Awq) { Bits = 4, GroupSize = Group(file, file.Has("q_group_size") ? "q_group_size" : "group_size") };
    }

    private static QuantizationConfig Gptq(ConfigReader file)
    {
        FourBits(file, "bits");
        var format = Word(file, "checkpoint_format", "gptq", "gptq", "gptq_v2");
        return new QuantizationConfig(QuantizationMethod.Gptq) { Bits = 4, GroupSize = Group(file, "group_size"), ZerosMinusOne = format == "gptq" };
    }

    private static QuantizationConfig Fp8(ConfigReader file)
    {
        Word(file, "fmt", "e4m3", "e4m3");
        return new QuantizationConfig(QuantizationMethod.Fp8) { Block = Block(file, "weight_block_size") };
    }

    private static QuantizationConfig CompressedTensors(ConfigReader file)
    {
        string[] formats = ["int-quantized", "naive-quantized", "pack-quantized", "float-quantized", "mixed-precision", "dense"];
        var whole = Word(file, "format", "dense", formats);
        if (file.OptionalObject("sparsity_config") is { } sparsity && sparsity.TextOrNull("format") is { } sparse && sparse != "dense")
        {
            sparsity.Problem("format", "\"dense\"", $"\"{sparse}\"");
        }

        if (file.OptionalObject("transform_config") is { } transforms && transforms.Keys.Any())
        {
            file.Problem("transform_config", "no transforms", "an object");
        }

        (int, int)? block = null;
        int? stored = null, size = null;
        foreach (var name in file.OptionalObject("config_groups")?.Keys.ToList() ?? [])
        {
            var group = file.OptionalObject("config_groups")!.OptionalObject(name);
            if (group is null)
            {
                continue;
            }

            var format = Word(group, "format", whole, formats);
            if (group.OptionalObject("weights") is not { } weights)
            {
                continue;
            }

            var bits = weights.Int("num_bits", 8, 1, 64);
            var type = weights.OptionalString("type", "int");
            if ((type, bits) is not (("int", 4 or 8) or ("float", 8)))
            {
                weights.Problem("num_bits", "int of 4 or 8 bits, or float of 8", $"{type} of {bits} bits");
            }

            if (type == "int" && bits == 8 && format == "pack-quantized")
            {
                weights.Problem("num_bits", "4 in format \"pack-quantized\"", "8");
            }

            var strategy = Word(weights, "strategy", "tensor", "tensor", "channel", "group", "block");
            if (type == "int" && bits == 8 && !weights.Bool("symmetric", true))
            {
                weights.Problem("symmetric", "true for 8 bits", "false");
            }

            if (type == "int" && bits == 8 && strategy is not ("tensor" or "channel"))
            {
                weights.Problem("strategy", "\"channel\" or \"tensor\" for 8 bits", $"\"{strategy}\"");
            }

            block = strategy == "block" ? Block(weights, "block_structure") : block;
            if (type == "int" && stored is null)
            {
                (stored, size) = (bits, strategy == "group" ? Group(weights, "group_size") : null);
            }
        }

        return new QuantizationConfig(QuantizationMethod.CompressedTensors) { Bits = stored, GroupSize = size, Block = block };
    }

    private static void FourBits(ConfigReader file, string key)
    {
        if (file.Int(key, 4, 1, 64) is var bits && bits != 4)
        {
            file.Problem(key, "4", $"{bits}");
        }
    }

    private static int? Group(ConfigReader file, string key) => file.Int(key, 128, -1, ConfigReader.LargestSize) is var size && size > 0 ? size : null;

    private static (int Rows, int Columns)? Block(ConfigReader file, string key)
    {
        if (!file.Has(key))
        {
            return null;
        }

        if (file.Integers(key) is [> 0 and var rows, > 0 and var columns])
        {
            return (rows, columns);
        }

        file.Problem(key, "two numbers of at least 1");
        return null;
    }

    private static string Word(ConfigReader file, string key, string fallback, params string[] known)
    {
        var word = file.OptionalString(key, fallback)?.ToLowerInvariant() ?? fallback;
        if (Array.IndexOf(known, word) < 0)
        {
            file.Problem(key, $"one of {string.Join(", ", known.Select(k => $"\"{k}\""))}", $"\"{word}\"");
            return fallback;
        }

        return word;
    }
}
