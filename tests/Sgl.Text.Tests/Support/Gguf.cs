using System.Text;

namespace Sgl.Text.Tests.Support;

/// <summary>The metadata of a GGUF file, as far as vocabularies need it.</summary>
internal static class Gguf
{
    public static Dictionary<string, object> Read(string path)
    {
        using var reader = new BinaryReader(File.OpenRead(path), Encoding.UTF8);
        if (reader.ReadUInt32() != 0x46554747)
        {
            throw new InvalidDataException("not a GGUF file");
        }

        reader.ReadUInt32(); // version
        reader.ReadUInt64(); // tensors
        var count = reader.ReadUInt64();
        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        for (var i = 0UL; i < count; i++)
        {
            var key = ReadText(reader);
            values[key] = ReadValue(reader, reader.ReadUInt32());
        }

        return values;
    }

    private static string ReadText(BinaryReader reader) => Encoding.UTF8.GetString(reader.ReadBytes(checked((int)reader.ReadUInt64())));

    private static object ReadValue(BinaryReader reader, uint type) => type switch
    {
        0 => reader.ReadByte(),
        1 => reader.ReadSByte(),
        2 => reader.ReadUInt16(),
        3 => reader.ReadInt16(),
        4 => reader.ReadUInt32(),
        5 => reader.ReadInt32(),
        6 => reader.ReadSingle(),
        7 => reader.ReadByte() != 0,
        8 => ReadText(reader),
        9 => ReadArray(reader),
        10 => reader.ReadUInt64(),
        11 => reader.ReadInt64(),
        12 => reader.ReadDouble(),
        _ => throw new InvalidDataException($"unknown value type {type}"),
    };

    private static object[] ReadArray(BinaryReader reader)
    {
        var type = reader.ReadUInt32();
        var values = new object[checked((int)reader.ReadUInt64())];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = ReadValue(reader, type);
        }

        return values;
    }
}
