using System.Text.Json;

namespace Sgl.Router;

/// <summary>Reads <c>metadata</c>, which a response tells back.</summary>
internal static class ResponseMetadata
{
    private const int MostPairs = 16;
    private const int LongestName = 64;
    private const int LongestValue = 512;

    /// <summary>Reads it.</summary>
    public static IReadOnlyDictionary<string, string> Read(BodyObject body)
    {
        var pairs = new Dictionary<string, string>();
        if (body.Object("metadata") is not { } metadata)
        {
            return pairs;
        }

        if (metadata.Element.GetPropertyCount() > MostPairs)
        {
            body.Violations.Add("metadata", $"has too many members: at most {MostPairs} are accepted");
            return pairs;
        }

        foreach (var member in metadata.Element.EnumerateObject())
        {
            var isText = member.Value.ValueKind == JsonValueKind.String;
            var value = isText ? metadata.Text(member.Value, "metadata") : null;
            if (!isText || value?.Length > LongestValue || member.Name.Length > LongestName)
            {
                body.Violations.Add("metadata", $"must hold strings of at most {LongestValue} characters under names of at most {LongestName}");
                return pairs;
            }

            pairs[member.Name] = value ?? "";
        }

        return pairs;
    }
}
