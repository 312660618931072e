using System.Text.Json;
using System.Text.Json.Serialization;
using Sgl.Hosting;

namespace Sgl.Access.Internal;

/// <summary>Reads files of keys.</summary>
internal static class KeysFile
{
    private const int MaxBytes = 16 << 20;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        NumberHandling = JsonNumberHandling.Strict,
    };

    /// <summary>The keys of a file, not yet checked.</summary>
    /// <exception cref="SettingsFileException">It cannot be read; says why, and quotes nothing of what it holds.</exception>
    public static List<KeyOptions> Read(string path)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaxBytes })
            {
                throw new SettingsFileException($"'{path}' has more than {MaxBytes >> 20} MiB");
            }

            var document = JsonSerializer.Deserialize<Document>(File.ReadAllBytes(path), Json);
            return document?.Keys is { } keys && keys.All(k => k is not null) ? keys : throw new SettingsFileException($"'{path}' has no list 'keys' of objects");
        }
        catch (JsonException e)
        {
            throw new SettingsFileException(
                FormattableString.Invariant($"'{path}', line {(e.LineNumber ?? 0) + 1}, {(e.Path is { Length: > 0 } where ? where : "$")}: not valid JSON, or a field that keys do not have"), e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new SettingsFileException($"'{path}' cannot be read: {e.Message.TrimEnd('.')}", e);
        }
    }

    private sealed class Document
    {
        [JsonPropertyName("keys")]
        public List<KeyOptions>? Keys { get; set; }
    }
}
