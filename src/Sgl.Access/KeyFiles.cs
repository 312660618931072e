using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Sgl.Access.Internal;
using Sgl.Hosting;

namespace Sgl.Access;

/// <summary>Writes files of keys, see <see cref="AccessOptions.KeysFile"/>.</summary>
public static class KeyFiles
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { OmitEmptyLists } },
    };

    /// <summary>One key as it stands in a file.</summary>
    /// <exception cref="SettingsFileException">It is not valid.</exception>
    public static string ToJson(KeyOptions key)
    {
        Check([key]);
        return JsonSerializer.Serialize(key, Json);
    }

    /// <summary>Adds a key to a file, or makes a file with it that only its owner can read. Whoever reads the file meanwhile sees the old or the new one whole.</summary>
    /// <exception cref="SettingsFileException">The key is not valid, the file has one of that name, or it cannot be read or written.</exception>
    public static void Add(string path, KeyOptions key)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var keys = File.Exists(path) ? KeysFile.Read(path) : [];
        keys.Add(key);
        Check(keys);
        try
        {
            // A link, as orchestrators make them, stays one.
            var target = (File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName : null) ?? Path.GetFullPath(path);
            var written = $"{target}.{Guid.NewGuid():N}.tmp";
            var mode = File.Exists(target) && !OperatingSystem.IsWindows() ? File.GetUnixFileMode(target) : UnixFileMode.UserRead | UnixFileMode.UserWrite;
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = mode;
            }

            using (var file = new FileStream(written, options))
            {
                file.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { keys }, Json) + "\n"));
                file.Flush(flushToDisk: true);
            }

            File.Move(written, target, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsFileException($"'{path}' cannot be written: {e.Message.TrimEnd('.')}", e);
        }
    }

    private static void Check(IReadOnlyList<KeyOptions> keys)
    {
        var errors = new List<string>();
        CallerRules.Check(keys, (field, problem, remedy) => errors.Add($"{field} {problem}; {remedy}."), i => keys.Count == 1 ? "key" : FormattableString.Invariant($"keys[{i}]"));
        if (errors.Count > 0)
        {
            throw new SettingsFileException(string.Join(" ", errors));
        }
    }

    private static void OmitEmptyLists(JsonTypeInfo type)
    {
        foreach (var property in type.Properties.Where(p => p.PropertyType == typeof(IList<string>)))
        {
            property.ShouldSerialize = (_, value) => value is IList<string> { Count: > 0 };
        }
    }
}
