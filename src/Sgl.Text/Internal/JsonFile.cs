using System.Text.Json;
using System.Text.Unicode;

namespace Sgl.Text.Internal;

/// <summary>A JSON file of a checkpoint; every complaint names the file and the key.</summary>
internal sealed class JsonFile
{
    private const long MaxSize = 256L << 20;

    private JsonFile(string path, JsonElement root) => (Path, Root) = (path, root);

    public string Path { get; }

    public JsonElement Root { get; }

    /// <summary>Reads a file whose root is an object.</summary>
    public static JsonFile Read(string path)
    {
        byte[] data;
        try
        {
            if (new FileInfo(path).Length > MaxSize)
            {
                throw new TokenizerException(path, null, $"is larger than {MaxSize >> 20} MiB");
            }

            data = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException(path, null, "cannot be read: " + e.Message, e);
        }

        if (GitLfsPointer.Is(data))
        {
            throw new TokenizerException(path, null, "is " + GitLfsPointer.Description);
        }

        // The parser would find broken text only when it is asked for, one value at a time.
        if (!Utf8.IsValid(data))
        {
            throw new TokenizerException(path, null, "is not UTF-8");
        }

        try
        {
            var utf8 = data.AsMemory();
            if (utf8.Span.StartsWith("\uFEFF"u8))
            {
                utf8 = utf8[3..];
            }

            using var document = JsonDocument.Parse(utf8);
            if (JsonNames.FindBroken(utf8.Span) is { } place)
            {
                throw new TokenizerException(path, null, $"has a name at byte {place} that is not valid Unicode");
            }

            var file = new JsonFile(path, document.RootElement.Clone());
            Expect(file, file.Root, JsonValueKind.Object, "(root)");
            return file;
        }
        catch (JsonException e)
        {
            throw new TokenizerException(path, null, "is not valid JSON: " + e.Message, e);
        }
    }

    /// <summary>Reads a file if it is there.</summary>
    public static JsonFile? ReadIfPresent(string folder, string name)
    {
        var path = System.IO.Path.Combine(folder, name);
        return File.Exists(path) ? Read(path) : null;
    }

    /// <summary>A member that is not null, or null.</summary>
    public JsonElement? Find(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    public JsonElement Required(JsonElement parent, string name, JsonValueKind kind, string key)
    {
        var value = Find(parent, name) ?? throw new TokenizerException(Path, key, "is missing");
        Expect(this, value, kind, key);
        return value;
    }

    public bool Flag(JsonElement parent, string name, bool fallback, string key) => OptionalFlag(parent, name, key) ?? fallback;

    public bool? OptionalFlag(JsonElement parent, string name, string key) => Find(parent, name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } other => throw new TokenizerException(Path, key, $"expected true or false, found {other.ValueKind}"),
    };

    public string? OptionalText(JsonElement parent, string name, string key) => Find(parent, name) is { } value ? Text(value, key) : null;

    public string RequiredText(JsonElement parent, string name, string key) =>
        OptionalText(parent, name, key) ?? throw new TokenizerException(Path, key, "is missing");

    public string Text(JsonElement value, string key)
    {
        Expect(this, value, JsonValueKind.String, key);
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new TokenizerException(Path, key, "is not valid Unicode", e);
        }
    }

    public IEnumerable<JsonProperty> Members(JsonElement value, string key)
    {
        Expect(this, value, JsonValueKind.Object, key);
        return value.EnumerateObject();
    }

    public IEnumerable<JsonElement> Items(JsonElement value, string key)
    {
        Expect(this, value, JsonValueKind.Array, key);
        return value.EnumerateArray();
    }

    public string Name(JsonProperty member, string key)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new TokenizerException(Path, key, "a name is not valid Unicode", e);
        }
    }

    /// <summary>A token id.</summary>
    public int Id(JsonElement value, string key)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out var id) || id < 0 || id > BpeModel.MaxId)
        {
            throw new TokenizerException(Path, key, $"expected a token id from 0 to {BpeModel.MaxId}");
        }

        return id;
    }

    public TokenizerException NotImplemented(string key, string found) =>
        new(Path, key, $"'{found}' is not implemented");

    private static void Expect(JsonFile file, JsonElement value, JsonValueKind kind, string key)
    {
        if (value.ValueKind != kind)
        {
            throw new TokenizerException(file.Path, key, $"expected {kind}, found {value.ValueKind}");
        }
    }
}
