using System.Text;
using System.Text.Json;

namespace Sgl.Text.Internal;

/// <summary>Where a checkpoint folder keeps its chat template, which depends on the version of the library that saved it.</summary>
internal static class ChatTemplateFiles
{
    private const string Key = "chat_template";

    /// <summary>All templates with the path of their file, in the order in which the transformers library prefers them.</summary>
    /// <exception cref="TokenizerException">A file is damaged.</exception>
    public static IEnumerable<(string File, string Template)> Read(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var jinja = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(jinja))
        {
            yield return (jinja, Encoding.UTF8.GetString(TokenizerFiles.ReadBytes(jinja)));
        }

        foreach (var name in new[] { "chat_template.json", "tokenizer_config.json" })
        {
            if (JsonFile.ReadIfPresent(folder, name) is { } file && file.Find(file.Root, Key) is { } value && Default(file, value) is { } template)
            {
                yield return (file.Path, template);
            }
        }
    }

    // Either one template, or a list of named ones of which "default" is used.
    private static string? Default(JsonFile file, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            return file.Text(value, Key);
        }

        foreach (var named in value.EnumerateArray())
        {
            if (file.Find(named, "name") is { } name && file.Text(name, Key + ".name") == "default" && file.Find(named, "template") is { } template)
            {
                return file.Text(template, Key + ".template");
            }
        }

        return null;
    }
}
