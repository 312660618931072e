using System.Buffers;
using System.Text;

namespace Sgl.Text.Internal;

/// <summary>UTF-8 to text, with the replacement rules of the tokenizers.</summary>
internal static class Utf8Text
{
    /// <summary>Appends the characters of <paramref name="bytes"/>.</summary>
    /// <param name="bytes">UTF-8, possibly broken, possibly cut off at the end.</param>
    /// <param name="eachBrokenByte">One U+FFFD for each byte that is not UTF-8, or one for each broken character.</param>
    /// <param name="final">Whether a cut-off character at the end is broken, or is left for the next call.</param>
    /// <param name="text">Receives the text.</param>
    /// <returns>The number of bytes that were used.</returns>
    public static int Append(ReadOnlySpan<byte> bytes, bool eachBrokenByte, bool final, StringBuilder text)
    {
        Span<char> units = stackalloc char[2];
        var used = 0;
        while (used < bytes.Length)
        {
            var status = Rune.DecodeFromUtf8(bytes[used..], out var rune, out var length);
            if (status == OperationStatus.NeedMoreData && !final)
            {
                break;
            }

            if (status == OperationStatus.Done)
            {
                text.Append(units[..rune.EncodeToUtf16(units)]);
            }
            else
            {
                text.Append('\uFFFD', eachBrokenByte ? length : 1);
            }

            used += length;
        }

        return used;
    }

    /// <summary>The text with every unpaired surrogate replaced by U+FFFD; positions stay the same.</summary>
    public static string WithoutLoneSurrogates(string text)
    {
        var i = 0;
        while (i < text.Length && !char.IsSurrogate(text[i]))
        {
            i++;
        }

        if (i == text.Length)
        {
            return text;
        }

        return string.Create(text.Length, text, static (units, source) =>
        {
            for (var j = 0; j < source.Length; j++)
            {
                if (char.IsHighSurrogate(source[j]) && j + 1 < source.Length && char.IsLowSurrogate(source[j + 1]))
                {
                    units[j] = source[j];
                    units[j + 1] = source[++j];
                }
                else
                {
                    units[j] = char.IsSurrogate(source[j]) ? '\uFFFD' : source[j];
                }
            }
        });
    }
}
