using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Sgl.Grammar.Internal;

/// <summary>Where something stands in a schema, as people read it: <c>properties.age.anyOf[0]</c>. Different places have different paths.</summary>
internal static class SchemaPath
{
    /// <summary>The path of a member.</summary>
    public static string Member(string path, string name)
    {
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '$'))
        {
            return $"{path}[{JsonSerializer.Serialize(name)}]";
        }

        return path.Length == 0 ? name : $"{path}.{name}";
    }

    /// <summary>The path of an element.</summary>
    public static string Element(string path, int index) => string.Create(CultureInfo.InvariantCulture, $"{path}[{index}]");

    /// <summary>Follows a reference within the document.</summary>
    /// <param name="root">The document.</param>
    /// <param name="reference">A JSON pointer as a fragment, e.g. <c>#/$defs/node</c>.</param>
    /// <param name="path">Where it leads.</param>
    /// <param name="schema">What stands there.</param>
    public static bool TryFollow(JsonElement root, string reference, out string path, out JsonElement schema)
    {
        (path, schema) = ("", root);
        if (reference is not ['#', .. var pointer] || pointer is not ("" or ['/', ..]))
        {
            return false;
        }

        foreach (var token in Uri.UnescapeDataString(pointer).Split('/').Skip(1))
        {
            var name = new StringBuilder(token).Replace("~1", "/").Replace("~0", "~").ToString();
            if (schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty(name, out var member))
            {
                (path, schema) = (Member(path, name), member);
            }
            else if (schema.ValueKind == JsonValueKind.Array && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < schema.GetArrayLength())
            {
                (path, schema) = (Element(path, index), schema[index]);
            }
            else
            {
                return false;
            }
        }

        return true;
    }
}
