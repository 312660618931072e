namespace Sgl.Text.Internal;

/// <summary>The byte alphabet of GPT-2: every byte is one printable character, so that vocabularies are text.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] Chars = BuildChars();
    private static readonly Dictionary<char, byte> Bytes = BuildBytes();

    public static char CharOf(byte value) => Chars[value];

    public static bool TryGetByte(char unit, out byte value) => Bytes.TryGetValue(unit, out value);

    private static char[] BuildChars()
    {
        var chars = new char[256];
        var next = 256;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            chars[value] = (char)(printable ? value : next++);
        }

        return chars;
    }

    private static Dictionary<char, byte> BuildBytes()
    {
        var bytes = new Dictionary<char, byte>(256);
        for (var value = 0; value < 256; value++)
        {
            bytes.Add(Chars[value], (byte)value);
        }

        return bytes;
    }
}
