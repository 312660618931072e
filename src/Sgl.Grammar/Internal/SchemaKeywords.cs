using System.Text.Json;

namespace Sgl.Grammar.Internal;

/// <summary>The members of one schema, read and checked.</summary>
internal sealed class SchemaKeywords
{
    private static readonly Dictionary<string, string> Types = new()
    {
        ["properties"] = "object",
        ["required"] = "object",
        ["additionalProperties"] = "object",
        ["items"] = "array",
        ["minItems"] = "array",
        ["maxItems"] = "array",
        ["minLength"] = "string",
        ["maxLength"] = "string",
        ["minimum"] = "number",
        ["maximum"] = "number",
        ["exclusiveMinimum"] = "number",
        ["exclusiveMaximum"] = "number",
    };

    // What says what a value is; one of them alone.
    private static readonly string[] Forms = ["$ref", "anyOf", "allOf", "enum", "const"];

    private static readonly HashSet<string> Notes =
        ["title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$schema", "$id", "$comment", "$defs", "definitions"];

    private static readonly Dictionary<string, string> Remedies = new()
    {
        ["oneOf"] = "; write anyOf",
        ["pattern"] = "; list the texts that are allowed in enum, or leave it out",
        ["format"] = "; leave it out",
        ["multipleOf"] = "; leave it out",
        ["prefixItems"] = "; write an object",
    };

    private readonly JsonElement _schema;

    /// <param name="schema">An object.</param>
    /// <param name="path">Where it stands.</param>
    /// <exception cref="GrammarException">It has a member that cannot be enforced.</exception>
    public SchemaKeywords(JsonElement schema, string path)
    {
        (_schema, Path) = (schema, path);
        string[] names = [.. schema.EnumerateObject().Where(m => !IsNote(m)).Select(m => m.Name)];
        foreach (var name in names.Where(n => n != "type" && !Types.ContainsKey(n)))
        {
            Form = !Forms.Contains(name) ? throw Wrong(name, $"cannot be enforced{Remedies.GetValueOrDefault(name)}")
                : Form is not null ? throw Wrong(name, $"cannot be enforced beside {Form}")
                : name;
        }

        if (Form is not null && Array.Find(names, n => n != Form && !(n == "type" && Form is ("enum" or "const"))) is { } beside)
        {
            throw Wrong(beside, $"cannot be enforced beside {Form}");
        }
    }

    public string Path { get; }

    /// <summary>The one of <c>$ref</c>, <c>anyOf</c>, <c>allOf</c>, <c>enum</c> and <c>const</c> that is there; null: none.</summary>
    public string? Form { get; private set; }

    /// <summary>The types that are allowed, or that the members speak of; null: all.</summary>
    public IReadOnlyList<string>? AllowedTypes()
    {
        if (!_schema.TryGetProperty("type", out var type))
        {
            string[] spoken = [.. Types.Where(t => _schema.TryGetProperty(t.Key, out _)).Select(t => t.Value).Distinct()];
            return spoken.Length == 0 ? null : spoken;
        }

        JsonElement[] all = type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray()] : [type];
        string[] names = [.. all.Select(t => t.ValueKind == JsonValueKind.String ? t.GetString()! : throw Wrong("type", "must be the name of a type, or a list of them"))];
        return Array.TrueForAll(names, n => n is "object" or "array" or "string" or "number" or "integer" or "boolean" or "null")
            ? [.. names.Distinct().Where(n => n != "integer" || !names.Contains("number"))]
            : throw Wrong("type", "must be object, array, string, number, integer, boolean or null, or a list of them");
    }

    public bool Has(string name, out JsonElement value) => _schema.TryGetProperty(name, out value);

    public JsonElement this[string name] => _schema.GetProperty(name);

    public string At(string name) => SchemaPath.Member(Path, name);

    public GrammarException Wrong(string name, string message) => new(At(name), message);

    /// <summary>A count.</summary>
    public int? Count(string name, int most)
    {
        if (!Has(name, out var value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var number) && number == decimal.Truncate(number) && number >= 0 && number <= most
            ? (int)number
            : throw Wrong(name, $"must be a whole number from 0 to {most}");
    }

    /// <summary>A bound that is a whole number.</summary>
    public long? Bound(string name)
    {
        if (!Has(name, out var value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var number) && number == decimal.Truncate(number) && Math.Abs(number) <= NumberShapes.Most
            ? (long)number
            : throw Wrong(name, $"can be enforced where it is a whole number of at most {GrammarLimits.MaxDigits} digits");
    }

    /// <summary>The elements of a list that has at least one.</summary>
    public IReadOnlyList<JsonElement> List(string name, int most)
    {
        var value = this[name];
        return value.ValueKind == JsonValueKind.Array && value.GetArrayLength() is var count && count >= 1 && count <= most
            ? [.. value.EnumerateArray()]
            : throw Wrong(name, $"must be a list of 1 to {most} elements");
    }

    /// <summary>What changes nothing.</summary>
    private static bool IsNote(JsonProperty member) =>
        Notes.Contains(member.Name) || member.Name.StartsWith("x-", StringComparison.Ordinal) || (member.NameEquals("uniqueItems") && member.Value.ValueKind == JsonValueKind.False);
}
