using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Sgl.Cli.Evaluation;

/// <summary>Options that take several values, separated by commas or given one by one.</summary>
internal static class ListOptions
{
    /// <summary>Words.</summary>
    public static Option<string[]?> Words(string name, string description, string help) => Create(name, description, help, (_, word) => word);

    /// <summary>Numbers.</summary>
    public static Option<double[]?> Numbers(string name, string description, string help) => Create(name, description, help, (result, word) =>
    {
        if (double.TryParse(word.TrimEnd('%'), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number))
        {
            return number;
        }

        result.AddError($"{name}: '{word}' is not a number.");
        return 0;
    });

    /// <summary>Names of an enumeration, in any case, with or without hyphens.</summary>
    public static Option<T[]?> Names<T>(string name, string description)
        where T : struct, Enum => Create(name, $"{description}: {string.Join(", ", Enum.GetNames<T>())}.", "NAME,...", (result, word) =>
    {
        var found = Enum.GetNames<T>().FirstOrDefault(n => n.Equals(
            word.Replace("-", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase));
        if (found is not null)
        {
            return Enum.Parse<T>(found);
        }

        result.AddError($"{name}: '{word}' is not one of {string.Join(", ", Enum.GetNames<T>())}.");
        return default;
    });

    private static Option<T[]?> Create<T>(string name, string description, string help, Func<ArgumentResult, string, T> parse) => new(name)
    {
        Description = description,
        HelpName = help,
        AllowMultipleArgumentsPerToken = true,
        CustomParser = result => [.. result.Tokens
            .SelectMany(t => t.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            .Select(word => parse(result, word))],
    };
}
