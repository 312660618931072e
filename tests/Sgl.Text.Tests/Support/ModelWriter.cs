using System.Buffers.Binary;
using System.Text;

namespace Sgl.Text.Tests.Support;

/// <summary>Writes SentencePiece model files.</summary>
internal sealed class ModelWriter
{
    private readonly List<byte> _data = [];

    public byte[] ToArray() => [.. _data];

    public ModelWriter Piece(string text, float score, int kind)
    {
        var score4 = new byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(score4, score);
        return Message(1, new ModelWriter().Bytes(1, Encoding.UTF8.GetBytes(text)).Raw([(2 << 3) | 5, .. score4]).Number(3, kind));
    }

    public ModelWriter Trainer(int modelType, bool byteFallback, bool suffix = false) =>
        Message(2, new ModelWriter().Number(3, modelType).Number(35, byteFallback ? 1 : 0).Number(24, suffix ? 1 : 0));

    public ModelWriter Normalizer(string name, bool dummyPrefix, bool removeSpaces, byte[]? map = null) =>
        Message(3, new ModelWriter().Bytes(1, Encoding.UTF8.GetBytes(name)).Bytes(2, map ?? []).Number(3, dummyPrefix ? 1 : 0).Number(4, removeSpaces ? 1 : 0));

    public ModelWriter Message(int field, ModelWriter message) => Bytes(field, message.ToArray());

    public ModelWriter Bytes(int field, byte[] value)
    {
        Varint((ulong)((field << 3) | 2));
        Varint((ulong)value.Length);
        return Raw(value);
    }

    public ModelWriter Number(int field, int value)
    {
        Varint((ulong)(field << 3));
        Varint((ulong)value);
        return this;
    }

    public ModelWriter Raw(byte[] bytes)
    {
        _data.AddRange(bytes);
        return this;
    }

    private void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            _data.Add((byte)(value | 0x80));
        }

        _data.Add((byte)value);
    }
}
