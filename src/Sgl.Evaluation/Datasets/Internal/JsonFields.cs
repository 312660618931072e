using System.Text.Json;

namespace Sgl.Evaluation.Internal;

/// <summary>The fields of one JSON line; every complaint names file, line and field.</summary>
internal sealed class JsonFields : IDisposable
{
    private readonly JsonDocument _json;

    private JsonFields(string file, int line, JsonDocument json) => (File, Line, _json) = (file, line, json);

    public string File { get; }

    public int Line { get; }

    public static JsonFields Parse(string file, int line, string text)
    {
        JsonDocument json;
        try
        {
            json = JsonDocument.Parse(text);
        }
        catch (JsonException e)
        {
            throw new DatasetException(file, line, $"not JSON: {e.Message}", e);
        }

        if (json.RootElement.ValueKind == JsonValueKind.Object)
        {
            return new JsonFields(file, line, json);
        }

        var found = json.RootElement.ValueKind;
        json.Dispose();
        throw new DatasetException(file, line, $"expected a JSON object, found {found}");
    }

    /// <summary>A string that must be there.</summary>
    public string Text(string field) => Optional(field) is not { } value ? throw Missing(field)
        : value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(field, "a string", value);

    /// <summary>A string or a number, as text; ids come as either.</summary>
    public string Id(string field) => OptionalId(field) ?? throw Missing(field);

    /// <summary>As <see cref="Id"/>, or null where the field is absent.</summary>
    public string? OptionalId(string field) => Optional(field) is not { } value ? null : value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => value.GetRawText(),
        _ => throw Wrong(field, "a string or a number", value),
    };

    /// <summary>One string or a list of strings; empty where the field is absent.</summary>
    public IReadOnlyList<string> Texts(string field)
    {
        if (Optional(field) is not { } value)
        {
            return [];
        }

        return value.ValueKind switch
        {
            JsonValueKind.String => [value.GetString()!],
            JsonValueKind.Array when value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String) =>
                [.. value.EnumerateArray().Select(v => v.GetString()!)],
            _ => throw Wrong(field, "a string or a list of strings", value),
        };
    }

    /// <summary>A number that must be there.</summary>
    public double Number(string field) => Optional(field) is not { } value ? throw Missing(field)
        : value.ValueKind == JsonValueKind.Number ? value.GetDouble() : throw Wrong(field, "a number", value);

    /// <summary>A list of so many numbers that must be there.</summary>
    public float[] Numbers(string field, int count)
    {
        var value = Optional(field) ?? throw Missing(field);
        return value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == count
            && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.Number)
            ? [.. value.EnumerateArray().Select(v => v.GetSingle())]
            : throw Wrong(field, $"a list of {count} numbers", value);
    }

    public DatasetException Error(string problem) => new(File, Line, problem);

    public void Dispose() => _json.Dispose();

    private JsonElement? Optional(string field) =>
        _json.RootElement.TryGetProperty(field, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private DatasetException Missing(string field) => Error($"the field '{field}' is missing");

    private DatasetException Wrong(string field, string expected, JsonElement found) =>
        Error($"the field '{field}' must be {expected}, found {found.ValueKind}");
}
