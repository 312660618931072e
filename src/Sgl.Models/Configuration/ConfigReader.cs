using System.Globalization;
using System.Text.Json;
using Sgl.Models.Internal;

namespace Sgl.Models;

/// <summary>
/// Reads one JSON object of a checkpoint folder. A missing, ill-typed or out-of-range value becomes a problem in <see cref="Problems"/>
/// and a harmless stand-in is returned, so that one pass finds everything that is wrong with a file.
/// </summary>
public sealed class ConfigReader
{
    /// <summary>No dimension, count or size of a model is larger; keeps every product of two inside 64 bits.</summary>
    public const int LargestSize = 1 << 28;

    private const int DescribedCharacters = 80;
    private readonly JsonElement _object;

    internal ConfigReader(JsonElement element, string file, string path, ProblemList problems)
    {
        _object = element;
        File = file;
        Path = path;
        Problems = problems;
    }

    /// <summary>File name inside the folder.</summary>
    public string File { get; }

    /// <summary>Path of this object inside the file with a trailing dot, empty for the top level.</summary>
    public string Path { get; }

    /// <summary>Where problems go.</summary>
    public ProblemList Problems { get; }

    /// <summary>Keys of this object, in file order.</summary>
    public IEnumerable<string> Keys => _object.EnumerateObject().Select(p => p.Name);

    /// <summary>Whether the key is there and not null.</summary>
    /// <param name="key">Key.</param>
    public bool Has(string key) => TryGet(key, out _);

    /// <summary>Adds a problem about a key of this object.</summary>
    /// <param name="key">Key.</param>
    /// <param name="expected">What would have been accepted.</param>
    /// <param name="found">What is there; taken from the file when null.</param>
    /// <param name="hint">What to use instead, where that is known.</param>
    public void Problem(string key, string expected, string? found = null, string? hint = null) =>
        Problems.Add(File, Path + key, expected, found ?? (TryGet(key, out var e) ? Describe(e) : _object.TryGetProperty(key, out _) ? "null" : "nothing"), hint);

    /// <summary>A required object.</summary>
    /// <param name="key">Key.</param>
    /// <returns>Null when missing (a problem was added).</returns>
    public ConfigReader? RequiredObject(string key)
    {
        var value = OptionalObject(key, out var present);
        if (!present)
        {
            Problem(key, "an object");
        }

        return value;
    }

    /// <summary>An optional object; null when absent or JSON null.</summary>
    /// <param name="key">Key.</param>
    public ConfigReader? OptionalObject(string key) => OptionalObject(key, out _);

    /// <summary>An integer between 1 and <paramref name="largest"/>.</summary>
    /// <param name="key">Key.</param>
    /// <param name="fallback">Value when absent; null makes the key required.</param>
    /// <param name="largest">Largest accepted value.</param>
    public int PositiveInt(string key, int? fallback = null, int largest = LargestSize) => Int(key, fallback, 1, largest);

    /// <summary>An integer in a range.</summary>
    /// <param name="key">Key.</param>
    /// <param name="fallback">Value when absent; null makes the key required.</param>
    /// <param name="smallest">Smallest accepted value.</param>
    /// <param name="largest">Largest accepted value.</param>
    public int Int(string key, int? fallback, int smallest, int largest)
    {
        if (!TryGet(key, out var element))
        {
            if (fallback is null)
            {
                Problem(key, $"an integer from {smallest} to {largest}");
            }

            return fallback ?? smallest;
        }

        if (element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var value) && value >= smallest && value <= largest)
        {
            return value;
        }

        Problem(key, $"an integer from {smallest} to {largest}");
        return fallback ?? smallest;
    }

    /// <summary>The side of a square: an integer, or a pair of equal ones.</summary>
    /// <param name="key">Key.</param>
    /// <param name="fallback">Value when absent.</param>
    /// <param name="largest">Largest accepted value.</param>
    public int SquareSide(string key, int fallback, int largest = LargestSize)
    {
        if (!TryGet(key, out var element) || element.ValueKind != JsonValueKind.Array)
        {
            return PositiveInt(key, fallback, largest);
        }

        if (Ints(element) is [var height, var width] && height == width && height >= 1 && height <= largest)
        {
            return height;
        }

        Problem(key, $"an integer from 1 to {largest}, or two equal ones");
        return fallback;
    }

    /// <summary>An optional token id.</summary>
    /// <param name="key">Key.</param>
    public int? TokenId(string key) => Has(key) ? Int(key, null, 0, int.MaxValue) : null;

    /// <summary>Token ids: a number or a list of numbers, empty when absent. -1 is how files say that there is none.</summary>
    /// <param name="key">Key.</param>
    public IReadOnlyList<int> TokenIds(string key)
    {
        if (!TryGet(key, out var element))
        {
            return [];
        }

        var items = element.ValueKind == JsonValueKind.Array ? element.EnumerateArray().ToArray() : [element];
        var ids = new List<int>(items.Length);
        foreach (var item in items)
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out var id) || id < -1)
            {
                Problem(key, "a token id or a list of token ids");
                return [];
            }

            if (id >= 0)
            {
                ids.Add(id);
            }
        }

        return ids;
    }

    /// <summary>A finite number above zero.</summary>
    /// <param name="key">Key.</param>
    /// <param name="fallback">Value when absent; null makes the key required.</param>
    public double PositiveNumber(string key, double? fallback = null) => Number(key, fallback, "a number above 0", static v => v > 0);

    /// <summary>Any finite number; null when absent or after a problem.</summary>
    /// <param name="key">Key.</param>
    public double? OptionalNumber(string key)
    {
        var before = Problems.Count;
        return Has(key) && Number(key, null, "a number", static _ => true) is var value && Problems.Count == before ? value : null;
    }

    /// <summary>true or false.</summary>
    /// <param name="key">Key.</param>
    /// <param name="fallback">Value when absent; null makes the key required.</param>
    public bool Bool(string key, bool? fallback = null)
    {
        if (TryGet(key, out var element))
        {
            if (element.ValueKind is JsonValueKind.True or JsonValueKind.False)
            {
                return element.GetBoolean();
            }
        }
        else if (fallback is not null)
        {
            return fallback.Value;
        }

        Problem(key, "true or false");
        return fallback ?? false;
    }

    /// <summary>A string.</summary>
    /// <param name="key">Key.</param>
    /// <param name="fallback">Value when absent.</param>
    public string? OptionalString(string key, string? fallback = null)
    {
        if (!TryGet(key, out var element))
        {
            return fallback;
        }

        if (TryString(element) is { } text)
        {
            return text;
        }

        Problem(key, "a string");
        return fallback;
    }

    /// <summary>The value if it is a string, else null; never a problem.</summary>
    /// <param name="key">Key.</param>
    public string? TextOrNull(string key) => TryGet(key, out var element) ? TryString(element) : null;

    /// <summary>One of several known words; anything else is refused by name.</summary>
    /// <typeparam name="T">What the words mean.</typeparam>
    /// <param name="key">Key.</param>
    /// <param name="known">Words and meanings; the first is the stand-in after a problem.</param>
    /// <param name="fallback">Word when absent; null makes the key required.</param>
    public T OneOf<T>(string key, IReadOnlyList<(string Word, T Meaning)> known, string? fallback = null)
    {
        ArgumentNullException.ThrowIfNull(known);
        var word = TryGet(key, out var element) ? TryString(element) : fallback;
        foreach (var (name, meaning) in known)
        {
            if (name == word)
            {
                return meaning;
            }
        }

        Problem(key, known.Count == 1 ? $"\"{known[0].Word}\"" : $"one of {string.Join(", ", known.Select(k => $"\"{k.Word}\""))}", hint: UnsupportedModels.Hint(word));
        return known[0].Meaning;
    }

    /// <summary>A list of finite numbers.</summary>
    /// <param name="key">Key.</param>
    /// <param name="length">Required length.</param>
    /// <param name="smallest">Smallest accepted value; the default accepts everything above zero.</param>
    /// <returns>The list; ones after a problem.</returns>
    public IReadOnlyList<double> Numbers(string key, int length, double smallest = double.Epsilon)
    {
        var expected = $"{length} numbers {(smallest == double.Epsilon ? "above 0" : $"of at least {smallest.ToString(CultureInfo.InvariantCulture)}")}";
        if (!TryGet(key, out var element) || element.ValueKind != JsonValueKind.Array || element.GetArrayLength() != length)
        {
            Problem(key, expected);
            return Ones(length);
        }

        var values = new double[length];
        var i = 0;
        foreach (var item in element.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetDouble(out var value) || !double.IsFinite(value) || value < smallest)
            {
                Problem(key, expected, Describe(item));
                return Ones(length);
            }

            values[i++] = value;
        }

        return values;
    }

    /// <summary>A list of integers.</summary>
    /// <param name="key">Key.</param>
    /// <returns>The list; empty after a problem.</returns>
    public IReadOnlyList<int> Integers(string key)
    {
        if (TryGet(key, out var element) && element.ValueKind == JsonValueKind.Array && Ints(element) is { } list)
        {
            return list;
        }

        Problem(key, "a list of integers");
        return [];
    }

    /// <summary>A list of pairs of positive integers.</summary>
    /// <param name="key">Key.</param>
    /// <returns>The pairs; empty after a problem.</returns>
    public IReadOnlyList<(int First, int Second)> Pairs(string key)
    {
        if (TryGet(key, out var element) && element.ValueKind == JsonValueKind.Array)
        {
            var pairs = new List<(int, int)>();
            foreach (var item in element.EnumerateArray())
            {
                if (item.ValueKind != JsonValueKind.Array || Ints(item) is not { Count: 2 } pair || pair[0] < 1 || pair[1] < 1 || pair[0] > LargestSize || pair[1] > LargestSize)
                {
                    Problem(key, "a list of pairs of positive integers", Describe(item));
                    return [];
                }

                pairs.Add((pair[0], pair[1]));
            }

            if (pairs.Count > 0)
            {
                return pairs;
            }
        }

        Problem(key, "a list of pairs of positive integers");
        return [];
    }

    /// <summary>A list of strings, empty when absent.</summary>
    /// <param name="key">Key.</param>
    public IReadOnlyList<string> Strings(string key)
    {
        if (!TryGet(key, out var element))
        {
            return [];
        }

        if (element.ValueKind == JsonValueKind.Array)
        {
            var texts = element.EnumerateArray().Select(TryString).ToArray();
            if (Array.TrueForAll(texts, t => t is not null))
            {
                return texts!;
            }
        }

        Problem(key, "a list of strings");
        return [];
    }

    private double Number(string key, double? fallback, string expected, Func<double, bool> accepts)
    {
        if (!TryGet(key, out var element))
        {
            if (fallback is null)
            {
                Problem(key, expected);
            }

            return fallback ?? 1;
        }

        if (element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var value) && double.IsFinite(value) && accepts(value))
        {
            return value;
        }

        Problem(key, expected);
        return fallback ?? 1;
    }

    private static List<int>? Ints(JsonElement array)
    {
        var list = new List<int>(array.GetArrayLength());
        foreach (var item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out var value))
            {
                return null;
            }

            list.Add(value);
        }

        return list;
    }

    private static double[] Ones(int length)
    {
        var ones = new double[length];
        Array.Fill(ones, 1.0);
        return ones;
    }

    private static string? TryString(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        try
        {
            return element.GetString();
        }
        catch (InvalidOperationException)
        {
            // Escapes that name half a surrogate pair are valid JSON and no text.
            return null;
        }
    }

    internal static string Describe(JsonElement element)
    {
        string text;
        try
        {
            text = element.ValueKind switch
            {
                JsonValueKind.Object => "an object",
                JsonValueKind.Array => $"a list of {element.GetArrayLength().ToString(CultureInfo.InvariantCulture)}",
                _ => element.GetRawText(),
            };
        }
        catch (InvalidOperationException)
        {
            text = "text that is not Unicode";
        }

        return text.Length <= DescribedCharacters ? text : text[..DescribedCharacters] + "...";
    }

    private ConfigReader? OptionalObject(string key, out bool present)
    {
        present = TryGet(key, out var element);
        if (!present)
        {
            return null;
        }

        if (element.ValueKind == JsonValueKind.Object)
        {
            return new ConfigReader(element, File, $"{Path}{key}.", Problems);
        }

        Problem(key, "an object");
        return null;
    }

    private bool TryGet(string key, out JsonElement element) =>
        _object.TryGetProperty(key, out element) && element.ValueKind != JsonValueKind.Null;
}
