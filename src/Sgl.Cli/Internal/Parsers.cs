using System.CommandLine.Parsing;
using System.Globalization;
using Sgl.Models;

namespace Sgl.Cli.Internal;

/// <summary>Readers of option values whose errors say what was found and what would be right.</summary>
internal static class Parsers
{
    /// <summary>A number; not-a-number and infinity are none.</summary>
    public static double? Number(ArgumentResult result) =>
        double.TryParse(Text(result), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
            ? value
            : Refuse<double?>(result, "is not a number");

    /// <summary>A number from 0 to 1.</summary>
    public static double? Share(ArgumentResult result) => TryShare(Text(result), out var value) ? value : Refuse<double?>(result, "is not a number from 0 to 1");

    /// <summary>A number of at least 0.</summary>
    public static int? Count(ArgumentResult result) =>
        int.TryParse(Text(result), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : Refuse<int?>(result, "is not a whole number from 0 on");

    /// <summary>A port; the two behind it may be taken too.</summary>
    public static int? Port(ArgumentResult result) =>
        int.TryParse(Text(result), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value <= ushort.MaxValue - 2
            ? value
            : Refuse<int?>(result, $"is not a port from 0 to {ushort.MaxValue - 2}");

    /// <summary>A name of an enumeration, in any case.</summary>
    public static T? Name<T>(ArgumentResult result)
        where T : struct, Enum => Enum.GetNames<T>().Contains(Text(result), StringComparer.OrdinalIgnoreCase)
            ? Enum.Parse<T>(Text(result), ignoreCase: true)
            : Refuse<T?>(result, $"is not one of {string.Join(", ", Enum.GetNames<T>())}");

    /// <summary>A compute type, by the names that people have for it.</summary>
    public static ComputeType? Arithmetic(ArgumentResult result) => Text(result).ToLowerInvariant() switch
    {
        "float32" or "fp32" => ComputeType.Float32,
        "bfloat16" or "bf16" => ComputeType.BFloat16,
        "float16" or "fp16" => ComputeType.Float16,
        _ => Refuse<ComputeType?>(result, "is not float32, bfloat16 (bf16) or float16 (fp16)"),
    };

    /// <summary>Numbers from 0 to 1, separated by commas or given one by one.</summary>
    public static double[] Shares(ArgumentResult result)
    {
        var shares = new List<double>();
        foreach (var part in result.Tokens.SelectMany(t => t.Value.Split(',', StringSplitOptions.TrimEntries)))
        {
            if (!TryShare(part, out var share))
            {
                result.AddError($"{Option(result)}: '{part}' is not a number from 0 to 1.");
                return [];
            }

            shares.Add(share);
        }

        return [.. shares];
    }

    /// <summary>Whole numbers from 0 on, separated by commas or given one by one.</summary>
    public static int[] Counts(ArgumentResult result)
    {
        var counts = new List<int>();
        foreach (var part in result.Tokens.SelectMany(t => t.Value.Split(',', StringSplitOptions.TrimEntries)))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            {
                result.AddError($"{Option(result)}: '{part}' is not a whole number from 0 on.");
                return [];
            }

            counts.Add(count);
        }

        return [.. counts];
    }

    private static bool TryShare(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && value is >= 0 and <= 1;

    private static T? Refuse<T>(ArgumentResult result, string problem)
    {
        result.AddError($"{Option(result)}: '{Text(result)}' {problem}.");
        return default;
    }

    private static string Text(ArgumentResult result) => result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";

    private static string Option(ArgumentResult result) => (result.Parent as OptionResult)?.Option.Name ?? result.Argument.Name;
}
