using System.Buffers.Binary;
using System.Text;

namespace Sgl.Text.Internal;

/// <summary>What a piece of a SentencePiece model is (ModelProto.SentencePiece.Type).</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>One entry of a SentencePiece vocabulary.</summary>
internal readonly record struct SentencePiece(string Text, float Score, PieceKind Kind);

/// <summary>
/// A SentencePiece model file: the fields of <c>ModelProto</c> that decide how a BPE model encodes. Whatever would change
/// the encoding and is not implemented is refused.
/// </summary>
internal sealed class SentencePieceModel
{
    private const int BpeModelType = 2;

    private SentencePieceModel(string file) => File = file;

    public string File { get; }

    public List<SentencePiece> Pieces { get; } = [];

    public bool ByteFallback { get; private set; }

    public bool AddDummyPrefix { get; private set; } = true;

    public bool RemoveExtraWhitespaces { get; private set; } = true;

    public bool EscapeWhitespaces { get; private set; } = true;

    public static SentencePieceModel Read(string file, ReadOnlySpan<byte> data)
    {
        var model = new SentencePieceModel(file);
        var modelType = 1; // TrainerSpec's default is UNIGRAM
        var reader = new ProtoReader(data, file);
        while (reader.TryReadField(out var field, out var value))
        {
            switch (field)
            {
                case 1:
                    model.Pieces.Add(ReadPiece(value.Bytes(field), model.Pieces.Count, file));
                    break;
                case 2:
                    model.ReadTrainer(value.Bytes(field), ref modelType);
                    break;
                case 3:
                    model.ReadNormalizer(value.Bytes(field), "normalizer_spec");
                    break;
                case 5:
                    model.ReadDenormalizer(value.Bytes(field));
                    break;
            }
        }

        if (model.Pieces.Count == 0)
        {
            throw new TokenizerException(file, "pieces", "no pieces: this is not a SentencePiece model");
        }

        if (modelType != BpeModelType)
        {
            var name = modelType switch { 1 => "UNIGRAM", 3 => "WORD", 4 => "CHAR", _ => modelType.ToString(System.Globalization.CultureInfo.InvariantCulture) };
            throw new TokenizerException(file, "trainer_spec.model_type", $"expected BPE, found {name}, which is not implemented");
        }

        return model;
    }

    private static SentencePiece ReadPiece(ReadOnlySpan<byte> data, int id, string file)
    {
        var text = "";
        var score = 0f;
        var kind = 1;
        var reader = new ProtoReader(data, file);
        while (reader.TryReadField(out var field, out var value))
        {
            switch (field)
            {
                case 1:
                    text = value.Text(field, $"pieces[{id}].piece");
                    break;
                case 2:
                    score = value.Float(field);
                    break;
                case 3:
                    kind = (int)value.Number(field);
                    break;
            }
        }

        if (text.Length == 0)
        {
            throw new TokenizerException(file, $"pieces[{id}].piece", "is empty");
        }

        if (float.IsNaN(score))
        {
            throw new TokenizerException(file, $"pieces[{id}].score", "is not a number");
        }

        if (kind is < 1 or > 6)
        {
            throw new TokenizerException(file, $"pieces[{id}].type", $"expected 1 to 6, found {kind}");
        }

        return new(text, score, (PieceKind)kind);
    }

    private void ReadTrainer(ReadOnlySpan<byte> data, ref int modelType)
    {
        var reader = new ProtoReader(data, File);
        while (reader.TryReadField(out var field, out var value))
        {
            switch (field)
            {
                case 3:
                    modelType = (int)value.Number(field);
                    break;
                case 24 when value.Number(field) != 0:
                    throw new TokenizerException(File, "trainer_spec.treat_whitespace_as_suffix", "true is not implemented");
                case 35:
                    ByteFallback = value.Number(field) != 0;
                    break;
            }
        }
    }

    private void ReadNormalizer(ReadOnlySpan<byte> data, string key)
    {
        var name = "";
        var hasMap = false;
        var reader = new ProtoReader(data, File);
        while (reader.TryReadField(out var field, out var value))
        {
            switch (field)
            {
                case 1:
                    name = value.Text(field, $"{key}.name");
                    break;
                case 2:
                    hasMap = value.Bytes(field).Length > 0;
                    break;
                case 3:
                    AddDummyPrefix = value.Number(field) != 0;
                    break;
                case 4:
                    RemoveExtraWhitespaces = value.Number(field) != 0;
                    break;
                case 5:
                    EscapeWhitespaces = value.Number(field) != 0;
                    break;
            }
        }

        if (hasMap)
        {
            throw new TokenizerException(File, $"{key}.name", $"expected the identity normaliser, found '{name}', which is not implemented");
        }
    }

    private void ReadDenormalizer(ReadOnlySpan<byte> data)
    {
        var reader = new ProtoReader(data, File);
        while (reader.TryReadField(out var field, out var value))
        {
            if (field == 2 && value.Bytes(field).Length > 0)
            {
                throw new TokenizerException(File, "denormalizer_spec", "a denormaliser is not implemented");
            }
        }
    }

    private enum WireType
    {
        Number = 0,
        Fixed64 = 1,
        Bytes = 2,
        Fixed32 = 5,
    }

    /// <summary>Walks the fields of one protobuf message.</summary>
    private ref struct ProtoReader(ReadOnlySpan<byte> data, string file)
    {
        private ReadOnlySpan<byte> _rest = data;

        public bool TryReadField(out int field, out FieldValue value)
        {
            field = 0;
            value = default;
            if (_rest.IsEmpty)
            {
                return false;
            }

            var key = Varint();
            field = (int)Math.Min(key >> 3, int.MaxValue);
            var type = (WireType)(key & 7);
            switch (type)
            {
                case WireType.Number:
                    value = new(file, type, Varint(), default);
                    return true;
                case WireType.Fixed64:
                    Take(8);
                    value = new(file, type, 0, default);
                    return true;
                case WireType.Bytes:
                    value = new(file, type, 0, Take(Varint()));
                    return true;
                case WireType.Fixed32:
                    value = new(file, type, BinaryPrimitives.ReadUInt32LittleEndian(Take(4)), default);
                    return true;
                default:
                    throw Damaged(file);
            }
        }

        public static TokenizerException Damaged(string file) =>
            new(file, null, "not a SentencePiece model (the protobuf message is damaged)");

        private ReadOnlySpan<byte> Take(ulong count)
        {
            if (count > (ulong)_rest.Length)
            {
                throw Damaged(file);
            }

            var taken = _rest[..(int)count];
            _rest = _rest[(int)count..];
            return taken;
        }

        private ulong Varint()
        {
            var result = 0UL;
            for (var i = 0; i < 10; i++)
            {
                if (i >= _rest.Length)
                {
                    throw Damaged(file);
                }

                result |= (ulong)(_rest[i] & 0x7F) << (7 * i);
                if (_rest[i] < 0x80)
                {
                    _rest = _rest[(i + 1)..];
                    return result;
                }
            }

            throw Damaged(file);
        }
    }

    /// <summary>The value of a field; reading it as another type than it has on the wire is an error of the file.</summary>
    private readonly ref struct FieldValue(string file, WireType type, ulong number, ReadOnlySpan<byte> bytes)
    {
        private static readonly UTF8Encoding _strict = new(false, true);

        private readonly ReadOnlySpan<byte> _bytes = bytes;

        public long Number(int field)
        {
            Check(WireType.Number, field);
            return (long)number;
        }

        public float Float(int field)
        {
            Check(WireType.Fixed32, field);
            return BitConverter.UInt32BitsToSingle((uint)number);
        }

        public ReadOnlySpan<byte> Bytes(int field)
        {
            Check(WireType.Bytes, field);
            return _bytes;
        }

        public string Text(int field, string key)
        {
            try
            {
                return _strict.GetString(Bytes(field));
            }
            catch (DecoderFallbackException e)
            {
                throw new TokenizerException(file, key, "is not UTF-8", e);
            }
        }

        private void Check(WireType expected, int field)
        {
            if (type != expected)
            {
                throw new TokenizerException(file, $"field {field}", $"expected wire type {expected}, found {type}");
            }
        }
    }
}
