namespace Sgl.Text.Internal;

/// <summary>
/// Byte-pair encoding with normaliser and pre-tokenizer: byte-level (GPT-2, Qwen2, Llama-3) or over characters
/// (SentencePiece models saved as tokenizer.json).
/// </summary>
internal sealed class BpeTokenizer : TokenizerBase
{
    private readonly BpeModel _model;
    private readonly TextNormalizer _normalizer;
    private readonly IReadOnlyList<PreTokenizerStep> _steps;
    private readonly bool _dropsLeadingSpace;
    private readonly HashSet<int> _protected;
    private readonly byte[][] _bytes;

    public BpeTokenizer(
        BpeModel model,
        IReadOnlyList<AddedToken> added,
        TextNormalizer normalizer,
        IReadOnlyList<PreTokenizerStep> steps,
        bool dropsLeadingSpace,
        int[] prefix,
        int[] suffix,
        TokenizerOptions options)
        : base(new AddedTokenSet(added, normalizer.Apply), prefix, suffix, options)
    {
        _model = model;
        _normalizer = normalizer;
        _steps = steps;
        _dropsLeadingSpace = dropsLeadingSpace;
        _protected = model.Reachable(added.Where(t => t.Special).Select(t => t.Id));
        _bytes = new byte[model.Count][];
        for (var id = 0; id < _bytes.Length; id++)
        {
            _bytes[id] = model.BytesOf(id);
            if (!model.ByteLevel && model.TokenOf(id) is { } token && token.Contains('\u2581', StringComparison.Ordinal))
            {
                _bytes[id] = System.Text.Encoding.UTF8.GetBytes(token.Replace('\u2581', ' '));
            }
        }

        VocabularySize = Math.Max(model.Count, added.Count == 0 ? 0 : added.Max(t => t.Id) + 1);
    }

    /// <inheritdoc/>
    public override bool ReplacesEachBrokenByte => !_model.ByteLevel;

    protected override void EncodeText(string text, LiteralRanges literal, List<int> ids)
    {
        var pieces = new List<TextPiece>();
        var inner = new List<TextPiece>();
        Added.Split(text, literal, normalized: false, pieces);
        foreach (var piece in pieces)
        {
            if (piece.Token is { } token)
            {
                ids.Add(token.Id);
                continue;
            }

            var raw = text.Substring(piece.Start, piece.Length);
            var normalized = _normalizer.Apply(raw);
            inner.Clear();
            if (Added.HasNormalized)
            {
                var ranges = literal.Slice(piece.Start, piece.Start + piece.Length, p => _normalizer.MapPosition(raw, p));
                Added.Split(normalized, ranges, normalized: true, inner);
            }
            else if (normalized.Length > 0)
            {
                inner.Add(new(0, normalized.Length, null));
            }

            foreach (var part in inner)
            {
                if (part.Token is { } normalizedToken)
                {
                    ids.Add(normalizedToken.Id);
                }
                else
                {
                    EncodePart(new(normalized, part.Start, part.Length, piece.Start == 0 && part.Start == 0), ids);
                }
            }
        }
    }

    protected override int? ModelTokenToId(string token) => _model.IdOf(token);

    protected override string? ModelIdToToken(int id) => _model.TokenOf(id);

    protected override bool ModelIsSpecial(int id) => false;

    protected override ReadOnlyMemory<byte> ModelTokenBytes(int id) =>
        (uint)id < (uint)_bytes.Length ? _bytes[id] : ReadOnlyMemory<byte>.Empty;

    protected override bool ModelDropsLeadingSpace(int id) =>
        _dropsLeadingSpace && (uint)id < (uint)_bytes.Length && _bytes[id] is [(byte)' ', ..];

    private void EncodePart(Word part, List<int> ids)
    {
        var words = new List<Word> { part };
        foreach (var step in _steps)
        {
            var next = new List<Word>(words.Count);
            foreach (var word in words)
            {
                step.Apply(word, next);
            }

            words = next;
        }

        foreach (var word in words)
        {
            _model.Encode(word.Span, _protected, ids);
        }
    }
}
