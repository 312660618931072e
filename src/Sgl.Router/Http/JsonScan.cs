using System.Text;
using System.Text.Json;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>Walks over JSON before anything is made of it, so that three bytes cannot become an object many million times.</summary>
internal static class JsonScan
{
    /// <summary>Most elements of one list.</summary>
    public const int MostElements = 4096;

    /// <summary>Most values of a body, all together.</summary>
    public const int MostValues = 100_000;

    private const int Deepest = 64;

    /// <summary>The first thing that is too many; null where nothing is.</summary>
    /// <param name="json">A document in UTF-8.</param>
    /// <exception cref="JsonException">It is not JSON, or nested deeper than 64.</exception>
    /// <exception cref="InvalidOperationException">A name is no Unicode text: half of an escaped surrogate pair.</exception>
    public static FieldViolation? Check(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Deepest });
        Span<int> elements = stackalloc int[Deepest + 1]; // by depth: how many values of a list came so far, -1 in an object
        Span<Range> names = stackalloc Range[Deepest + 1]; // by depth: the last name in an object
        elements[0] = -1;
        var (depth, values) = (0, 0);
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    var start = (int)reader.TokenStartIndex + 1;
                    names[depth] = start..(start + reader.ValueSpan.Length);
                    _ = reader.ValueIsEscaped ? reader.GetString() : null; // no later look-up then meets one that is no text
                    continue;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    depth--;
                    continue;
            }

            if (elements[depth] >= 0 && ++elements[depth] > MostElements)
            {
                return new FieldViolation(Path(json, elements[..depth], names), $"has too many elements: at most {MostElements} are accepted");
            }

            if (++values > MostValues)
            {
                return new FieldViolation("body", $"holds too many values: at most {MostValues} are accepted");
            }

            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
            {
                elements[++depth] = reader.TokenType == JsonTokenType.StartArray ? 0 : -1;
                names[depth] = default;
            }
        }

        return null;
    }

    private static string Path(ReadOnlySpan<byte> json, ReadOnlySpan<int> elements, ReadOnlySpan<Range> names)
    {
        var path = new StringBuilder();
        for (var i = 1; i < elements.Length; i++)
        {
            if (elements[i] >= 0)
            {
                path.Append('[').Append(elements[i] - 1).Append(']');
                continue;
            }

            var name = json[names[i]];
            path.Append(path.Length > 0 ? "." : "").Append(Encoding.UTF8.GetString(name[..Math.Min(name.Length, 60)]));
        }

        return path.Length > 0 ? path.ToString() : "body";
    }
}
