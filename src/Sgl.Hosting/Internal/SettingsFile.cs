using System.Globalization;
using System.Text.Json;

namespace Sgl.Hosting.Internal;

/// <summary>Says in a sentence why a file of settings cannot be read.</summary>
internal static class SettingsFile
{
    /// <summary>File, place and reason; null where the exception is about something else.</summary>
    public static string? Explain(InvalidDataException exception)
    {
        // The configuration system: "Failed to load configuration from file '/app/appsettings.json'."
        var parts = exception.Message.Split('\'');
        if (!exception.Message.StartsWith("Failed to load configuration from file", StringComparison.Ordinal) || parts.Length < 3)
        {
            return null;
        }

        var file = parts[1];
        for (var e = exception.InnerException; e is not null; e = e.InnerException)
        {
            if (e is JsonException json)
            {
                var place = json.LineNumber is { } line
                    ? string.Create(CultureInfo.InvariantCulture, $", line {line + 1}, column {(json.BytePositionInLine ?? 0) + 1}")
                    : string.Empty;
                return $"{file}{place}: this is not valid JSON: {json.Message.Split(" LineNumber:")[0].TrimEnd('.')}. Correct the file.";
            }
        }

        var reason = exception.InnerException;
        while (reason?.InnerException is not null)
        {
            reason = reason.InnerException;
        }

        return $"{file} cannot be used as settings: {(reason?.Message ?? "its content cannot be read").TrimEnd('.')}. Correct the file.";
    }
}
