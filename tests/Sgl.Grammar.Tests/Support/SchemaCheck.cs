using System.Globalization;
using System.Text.Json;

namespace Sgl.Grammar.Tests.Support;

/// <summary>Whether a value satisfies a schema: the keywords that the grammar knows, as JSON Schema defines them, apart from how the grammar reads them.</summary>
internal sealed class SchemaCheck(JsonElement root)
{
    public static bool Satisfies(string json, string schema)
    {
        using var document = JsonDocument.Parse(schema);
        using var value = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 128 });
        return new SchemaCheck(document.RootElement).Is(value.RootElement, document.RootElement);
    }

    private bool Is(JsonElement value, JsonElement schema)
    {
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return schema.GetBoolean();
        }

        foreach (var keyword in schema.EnumerateObject())
        {
            if (!Holds(value, schema, keyword.Name, keyword.Value))
            {
                return false;
            }
        }

        return true;
    }

    private bool Holds(JsonElement value, JsonElement schema, string keyword, JsonElement says) => keyword switch
    {
        "$ref" => Is(value, Follow(says.GetString()!)),
        "anyOf" => says.EnumerateArray().Any(s => Is(value, s)),
        "allOf" => says.EnumerateArray().All(s => Is(value, s)),
        "enum" => says.EnumerateArray().Any(v => JsonElement.DeepEquals(v, value)),
        "const" => JsonElement.DeepEquals(says, value),
        "type" => says.ValueKind == JsonValueKind.Array ? says.EnumerateArray().Any(t => IsType(value, t.GetString()!)) : IsType(value, says.GetString()!),
        "required" => value.ValueKind != JsonValueKind.Object || says.EnumerateArray().All(n => value.TryGetProperty(n.GetString()!, out _)),
        "properties" => value.ValueKind != JsonValueKind.Object || value.EnumerateObject().All(m => !says.TryGetProperty(m.Name, out var s) || Is(m.Value, s)),
        "additionalProperties" => value.ValueKind != JsonValueKind.Object
            || value.EnumerateObject().All(m => (schema.TryGetProperty("properties", out var known) && known.TryGetProperty(m.Name, out _)) || Is(m.Value, says)),
        "items" => value.ValueKind != JsonValueKind.Array || value.EnumerateArray().All(i => Is(i, says)),
        "minItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() >= says.GetInt32(),
        "maxItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() <= says.GetInt32(),
        "minLength" => value.ValueKind != JsonValueKind.String || Length(value) >= says.GetInt32(),
        "maxLength" => value.ValueKind != JsonValueKind.String || Length(value) <= says.GetInt32(),
        "minimum" => value.ValueKind != JsonValueKind.Number || Number(value) >= says.GetDouble(),
        "maximum" => value.ValueKind != JsonValueKind.Number || Number(value) <= says.GetDouble(),
        "exclusiveMinimum" => value.ValueKind != JsonValueKind.Number || Number(value) > says.GetDouble(),
        "exclusiveMaximum" => value.ValueKind != JsonValueKind.Number || Number(value) < says.GetDouble(),
        "$defs" or "title" or "description" => true,
        _ => throw new InvalidOperationException(keyword),
    };

    private static double Number(JsonElement value) => double.Parse(value.GetRawText(), CultureInfo.InvariantCulture);

    private static int Length(JsonElement value) => value.GetString()!.EnumerateRunes().Count();

    private static bool IsType(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && Number(value) == Math.Truncate(Number(value)),
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "null" => value.ValueKind == JsonValueKind.Null,
        _ => throw new InvalidOperationException(type),
    };

    private JsonElement Follow(string reference) =>
        reference.Split('/').Skip(1).Aggregate(root, (at, name) => at.GetProperty(name));
}
