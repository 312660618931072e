using System.Text.Json;

namespace Sgl.Text;

/// <summary>Names in JSON that are no text, half of an escaped surrogate pair: every look-up beside one would throw.</summary>
public static class JsonNames
{
    /// <summary>Where the first such name begins, in bytes; null: there is none.</summary>
    /// <param name="utf8">A document without byte order mark.</param>
    /// <exception cref="JsonException">It is not JSON.</exception>
    public static long? FindBroken(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8);
        while (reader.Read())
        {
            try
            {
                _ = reader.TokenType == JsonTokenType.PropertyName && reader.ValueIsEscaped ? reader.GetString() : null;
            }
            catch (InvalidOperationException)
            {
                return reader.TokenStartIndex;
            }
        }

        return null;
    }
}
