using System.Text.Json;
using System.Text.Unicode;
using Sgl.Text;

namespace Sgl.Models;

/// <summary>Opens the JSON files of a checkpoint folder. What keeps a file from being read is a problem like any other.</summary>
public static class ConfigFile
{
    /// <summary>Opens a JSON file of the folder.</summary>
    /// <param name="file">File name.</param>
    /// <param name="problems">Collector, knows the folder.</param>
    /// <param name="required">Whether a missing file is a problem.</param>
    /// <returns>Null when the file is missing or not a JSON object.</returns>
    public static ConfigReader? Open(string file, ProblemList problems, bool required)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(problems);
        var path = Path.Combine(problems.Folder, file);
        byte[] bytes;
        try
        {
            if (!File.Exists(path))
            {
                if (required)
                {
                    problems.Add(file, null, "the file to exist", "no such file");
                }

                return null;
            }

            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(file, null, "a readable file", e.Message);
            return null;
        }

        if (GitLfsPointer.Is(bytes))
        {
            problems.Add(file, null, "the file itself", GitLfsPointer.Description);
            return null;
        }

        return Parse(bytes, file, problems);
    }

    private static ConfigReader? Parse(ReadOnlyMemory<byte> utf8, string file, ProblemList problems)
    {
        if (utf8.Span.StartsWith("\uFEFF"u8))
        {
            utf8 = utf8[3..];
        }

        if (!Utf8.IsValid(utf8.Span))
        {
            problems.Add(file, null, "UTF-8 text", "bytes that are not UTF-8");
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(utf8, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 64 });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                problems.Add(file, null, "a JSON object", ConfigReader.Describe(document.RootElement));
                return null;
            }

            if (JsonNames.FindBroken(utf8.Span) is { } place)
            {
                problems.Add(file, null, "valid JSON without duplicate keys", $"a key at byte {place} that is not valid Unicode");
                return null;
            }

            return new ConfigReader(document.RootElement.Clone(), file, string.Empty, problems);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            problems.Add(file, null, "valid JSON without duplicate keys", e.Message);
            return null;
        }
    }
}
