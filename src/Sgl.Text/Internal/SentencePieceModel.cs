using System.Text;
using Google.Protobuf;
using Sgl.Text.Internal.SentencePieceFormat;

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
    /// <summary>Largest file that is read. Those of published models have up to 5 MB; a parsed one can take thirty times its size.</summary>
    public const int MaxBytes = 32 << 20;

    private const int BpeModelType = 2;
    private static readonly UTF8Encoding Strict = new(false, true);
    private static readonly MessageParser<ModelProto> Parser = ModelProto.Parser.WithDiscardUnknownFields(true);

    private SentencePieceModel(string file, ModelProto model)
    {
        File = file;
        Pieces = [.. model.Pieces.Select(ReadPiece)];
        ByteFallback = model.TrainerSpec?.ByteFallback ?? false;
        var normalizer = model.NormalizerSpec ?? new NormalizerSpec();
        AddDummyPrefix = normalizer.AddDummyPrefix;
        RemoveExtraWhitespaces = normalizer.RemoveExtraWhitespaces;
        EscapeWhitespaces = normalizer.EscapeWhitespaces;
    }

    public string File { get; }

    public List<SentencePiece> Pieces { get; }

    public bool ByteFallback { get; }

    public bool AddDummyPrefix { get; }

    public bool RemoveExtraWhitespaces { get; }

    public bool EscapeWhitespaces { get; }

    public static SentencePieceModel Read(string file, byte[] data)
    {
        ModelProto proto;
        try
        {
            proto = Parser.ParseFrom(data);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new TokenizerException(file, null, "not a SentencePiece model (the protobuf message is damaged)", e);
        }

        var model = new SentencePieceModel(file, proto);
        if (model.Pieces.Count == 0)
        {
            throw new TokenizerException(file, "pieces", "no pieces: this is not a SentencePiece model");
        }

        model.RequireBpe(proto.TrainerSpec ?? new TrainerSpec());
        model.RequireIdentity(proto);
        return model;
    }

    private SentencePiece ReadPiece(ModelProto.Types.SentencePiece piece, int id)
    {
        var text = Text(piece.Piece, $"pieces[{id}].piece");
        if (text.Length == 0)
        {
            throw new TokenizerException(File, $"pieces[{id}].piece", "is empty");
        }

        if (float.IsNaN(piece.Score))
        {
            throw new TokenizerException(File, $"pieces[{id}].score", "is not a number");
        }

        if (piece.Type is < 1 or > 6)
        {
            throw new TokenizerException(File, $"pieces[{id}].type", $"expected 1 to 6, found {piece.Type}");
        }

        return new(text, piece.Score, (PieceKind)piece.Type);
    }

    private void RequireBpe(TrainerSpec trainer)
    {
        if (trainer.TreatWhitespaceAsSuffix)
        {
            throw new TokenizerException(File, "trainer_spec.treat_whitespace_as_suffix", "true is not implemented");
        }

        if (trainer.ModelType != BpeModelType)
        {
            var name = trainer.ModelType switch { 1 => "UNIGRAM", 3 => "WORD", 4 => "CHAR", var other => other.ToString(System.Globalization.CultureInfo.InvariantCulture) };
            throw new TokenizerException(File, "trainer_spec.model_type", $"expected BPE, found {name}, which is not implemented");
        }
    }

    private void RequireIdentity(ModelProto model)
    {
        if (model.NormalizerSpec is { PrecompiledCharsmap.Length: > 0 } normalizer)
        {
            throw new TokenizerException(
                File, "normalizer_spec.name", $"expected the identity normaliser, found '{Text(normalizer.Name, "normalizer_spec.name")}', which is not implemented");
        }

        if (model.DenormalizerSpec is { PrecompiledCharsmap.Length: > 0 })
        {
            throw new TokenizerException(File, "denormalizer_spec", "a denormaliser is not implemented");
        }
    }

    private string Text(ByteString bytes, string key)
    {
        try
        {
            return Strict.GetString(bytes.Span);
        }
        catch (DecoderFallbackException e)
        {
            throw new TokenizerException(File, key, "is not UTF-8", e);
        }
    }
}
