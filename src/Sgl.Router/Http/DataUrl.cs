using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Sgl.Router;

/// <summary>Reads <c>data:</c> URLs as clients write them: base64 of either alphabet, padded or not, with line breaks or percent signs, or no base64 at all.</summary>
internal static class DataUrl
{
    private const string Example = "e.g. data:image/png;base64,...";

    /// <summary>Decodes a URL.</summary>
    /// <param name="url">The URL in UTF-8.</param>
    /// <param name="bytes">What it holds.</param>
    /// <returns>What is wrong; null where nothing is.</returns>
    public static string? Decode(ReadOnlySpan<byte> url, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        url = url.Trim(" \t\r\n"u8);
        if (!StartsWith(url, "data:"u8))
        {
            // The router fetches nothing: a server that opens addresses from requests can be made to open its owner's.
            return StartsWith(url, "http:"u8) || StartsWith(url, "https:"u8)
                ? $"is an address, and images are not fetched from elsewhere; send the image itself as a data: URL, {Example}"
                : $"must be a data: URL, {Example}; images are not fetched from elsewhere";
        }

        var comma = url.IndexOf((byte)',');
        if (comma < 0)
        {
            return $"has no comma in front of its content, {Example}";
        }

        var content = url[(comma + 1)..];
        var decoded = IsBase64(url["data:".Length..comma]) ? Base64OrNull(content) : Plain(content);
        bytes = decoded ?? default;
        return decoded is null ? "holds content that is not base64" : null;
    }

    private static bool IsBase64(ReadOnlySpan<byte> header)
    {
        foreach (var range in header.Split((byte)';'))
        {
            if (Ascii.EqualsIgnoreCase(header[range].Trim((byte)' '), "base64"u8))
            {
                return true;
            }
        }

        return false;
    }

    private static ReadOnlyMemory<byte>? Base64OrNull(ReadOnlySpan<byte> content)
    {
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(content.Length) + 3];
        if (Base64.DecodeFromUtf8(content, bytes, out var read, out var written) == OperationStatus.Done && read == content.Length)
        {
            return bytes.AsMemory(0, written);
        }

        var clean = ArrayPool<byte>.Shared.Rent(content.Length);
        try
        {
            if (Clean(content, clean) is { } length && Base64Url.DecodeFromUtf8(clean.AsSpan(0, length), bytes, out _, out written) == OperationStatus.Done)
            {
                return bytes.AsMemory(0, written);
            }

            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(clean);
        }
    }

    /// <summary>The content in the URL's alphabet, without padding and white space; null where padding is not at the end.</summary>
    private static int? Clean(ReadOnlySpan<byte> content, byte[] clean)
    {
        var (length, padded) = (0, false);
        for (var i = 0; i < content.Length; i++)
        {
            var c = Unescaped(content, ref i);
            switch (c)
            {
                case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n':
                    continue;
                case (byte)'=':
                    padded = true;
                    continue;
                default:
                    if (padded)
                    {
                        return null;
                    }

                    clean[length++] = c switch { (byte)'+' => (byte)'-', (byte)'/' => (byte)'_', _ => c };
                    break;
            }
        }

        return length;
    }

    private static ReadOnlyMemory<byte> Plain(ReadOnlySpan<byte> content)
    {
        var bytes = new byte[content.Length];
        var length = 0;
        for (var i = 0; i < content.Length; i++)
        {
            bytes[length++] = Unescaped(content, ref i);
        }

        return bytes.AsMemory(0, length);
    }

    private static byte Unescaped(ReadOnlySpan<byte> content, ref int i)
    {
        if (content[i] == '%' && i + 2 < content.Length && Utf8Parser.TryParse(content.Slice(i + 1, 2), out byte value, out var used, 'x') && used == 2)
        {
            i += 2;
            return value;
        }

        return content[i];
    }

    private static bool StartsWith(ReadOnlySpan<byte> url, ReadOnlySpan<byte> scheme) =>
        url.Length >= scheme.Length && Ascii.EqualsIgnoreCase(url[..scheme.Length], scheme);
}
