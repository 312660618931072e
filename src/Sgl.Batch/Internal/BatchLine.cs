using System.Text.Json;

namespace Sgl.Batch.Internal;

/// <summary>A line of a batch.</summary>
/// <param name="CustomId">The name that the answer goes by.</param>
/// <param name="Path">What is asked.</param>
/// <param name="Body">Where the body is in the line.</param>
internal readonly record struct BatchLine(string CustomId, string Path, Range Body)
{
    /// <summary>Most characters of a name.</summary>
    public const int LongestId = 512;

    /// <summary>What can be asked in a batch.</summary>
    public static readonly string[] Paths = ["/v1/chat/completions", "/v1/responses"];

    /// <summary>Reads a line.</summary>
    /// <exception cref="JsonException">It is not JSON.</exception>
    /// <exception cref="BadLineException">It is not a request; the message is the end of a sentence about the line.</exception>
    public static BatchLine Parse(ReadOnlySpan<byte> line)
    {
        var mark = line.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? 3 : 0;
        var reader = new Utf8JsonReader(line[mark..], new JsonReaderOptions { MaxDepth = 64 });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new BadLineException("must be an object with custom_id, method, url and body");
        }

        string? id = null, method = null, url = null;
        Range? body = null;
        var streams = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = Text(ref reader, "a name");
            reader.Read();
            switch (name)
            {
                case "custom_id":
                    id = Once(id, String(ref reader, name), name);
                    break;
                case "method":
                    method = Once(method, String(ref reader, name), name);
                    break;
                case "url":
                    url = Once(url, String(ref reader, name), name);
                    break;
                case "body":
                    if (body is not null || reader.TokenType != JsonTokenType.StartObject)
                    {
                        throw new BadLineException(body is null ? "body must be an object" : "has body twice");
                    }

                    var start = mark + (int)reader.TokenStartIndex;
                    streams = Streams(ref reader);
                    body = start..(mark + (int)reader.BytesConsumed);
                    break;
                default:
                    throw new BadLineException($"has the field '{Shown.Text(name)}', which is none of custom_id, method, url and body");
            }
        }

        if (reader.Read())
        {
            throw new BadLineException("holds more than one object");
        }

        return Checked(id, method, url, body, streams);
    }

    private static BatchLine Checked(string? id, string? method, string? url, Range? body, bool streams)
    {
        if (string.IsNullOrEmpty(id) || id.Length > LongestId)
        {
            throw new BadLineException($"needs custom_id, a string of 1 to {LongestId} characters");
        }

        if (method != "POST")
        {
            throw new BadLineException($"needs method, which is always \"POST\"{(method is null ? "" : $"; found '{Shown.Text(method)}'")}");
        }

        if (!Paths.Contains(url))
        {
            throw new BadLineException($"needs url, {string.Join(" or ", Paths)}{(url is null ? "" : $"; found '{Shown.Text(url)}'")}");
        }

        if (body is not { } found)
        {
            throw new BadLineException("needs body, the object that would be posted");
        }

        return streams ? throw new BadLineException("body.stream must not be true: a batch has whole answers") : new BatchLine(id, url!, found);
    }

    /// <summary>Passes over an object; whether its member <c>stream</c> is true.</summary>
    private static bool Streams(ref Utf8JsonReader reader)
    {
        var (depth, streams) = (reader.CurrentDepth, false);
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == depth + 1 && reader.ValueTextEquals("stream"u8))
            {
                reader.Read();
                streams |= reader.TokenType == JsonTokenType.True;
            }
        }

        return streams;
    }

    private static string Once(string? before, string value, string name) => before is null ? value : throw new BadLineException($"has {name} twice");

    private static string String(ref Utf8JsonReader reader, string name) =>
        reader.TokenType == JsonTokenType.String ? Text(ref reader, name) : throw new BadLineException($"{name} must be a string");

    private static string Text(ref Utf8JsonReader reader, string what)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new BadLineException($"has text in {what} that is not valid Unicode");
        }
    }
}
