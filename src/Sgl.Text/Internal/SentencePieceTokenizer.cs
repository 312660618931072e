using System.Buffers;
using System.Globalization;
using System.Text;

namespace Sgl.Text.Internal;

/// <summary>How the wrapper around a SentencePiece model treats the space in front of a text.</summary>
internal enum PrefixSpace
{
    /// <summary>As the model file says, at every piece between added tokens (also called legacy).</summary>
    ByModel,

    /// <summary>Once, in front of the whole text.</summary>
    Once,

    /// <summary>Never.</summary>
    Never,
}

/// <summary>
/// SentencePiece BPE: user-defined pieces are cut out, the rest starts as single characters, and the adjacent pair whose
/// concatenation is the piece with the highest score merges first. What is in no piece becomes byte pieces.
/// </summary>
internal sealed class SentencePieceTokenizer : TokenizerBase
{
    private const char Space = '\u2581';

    private readonly SentencePieceModel _model;
    private readonly PrefixSpace _prefixSpace;
    private readonly HashSet<string> _namedSpecial;
    private readonly Dictionary<string, int> _pieces = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly Dictionary<string, int> _reserved = new(StringComparer.Ordinal);
    private readonly PrefixTrie _userDefined = new();
    private readonly HashSet<int> _protected = [];
    private readonly int[] _byteIds = new int[256];
    private readonly int _unknownId = -1;
    private readonly byte[][] _bytes;
    private readonly bool _dropsLeadingSpace;

    /// <summary>Creates the tokenizer.</summary>
    /// <param name="model">The model file.</param>
    /// <param name="added">Added tokens; they override the model's pieces of the same id.</param>
    /// <param name="namedSpecial">Tokens named as special by the configuration (not merely flagged so).</param>
    /// <param name="prefixSpace">Treatment of the leading space.</param>
    /// <param name="prefix">Ids in front of every text.</param>
    /// <param name="suffix">Ids behind every text.</param>
    /// <param name="options">Limits.</param>
    public SentencePieceTokenizer(
        SentencePieceModel model,
        IReadOnlyList<AddedToken> added,
        IEnumerable<string> namedSpecial,
        PrefixSpace prefixSpace,
        int[] prefix,
        int[] suffix,
        TokenizerOptions options)
        : base(new AddedTokenSet(added.Select(t => t with { Normalized = false }), static s => s), prefix, suffix, options)
    {
        _model = model;
        _prefixSpace = prefixSpace;
        _namedSpecial = new(namedSpecial, StringComparer.Ordinal);
        _lookup = _pieces.GetAlternateLookup<ReadOnlySpan<char>>();
        Array.Fill(_byteIds, -1);
        _bytes = new byte[model.Pieces.Count][];
        for (var id = 0; id < model.Pieces.Count; id++)
        {
            var piece = model.Pieces[id];
            _bytes[id] = Encoding.UTF8.GetBytes(piece.Text.Replace(Space, ' '));
            var target = piece.Kind is PieceKind.Normal or PieceKind.UserDefined or PieceKind.Unused ? _pieces : _reserved;
            if (!target.TryAdd(piece.Text, id))
            {
                throw new TokenizerException(model.File, $"pieces[{id}].piece", $"'{piece.Text}' is there twice");
            }

            switch (piece.Kind)
            {
                case PieceKind.Unknown when _unknownId >= 0:
                    throw new TokenizerException(model.File, $"pieces[{id}].type", "a second unknown piece");
                case PieceKind.Unknown:
                    _unknownId = id;
                    break;
                case PieceKind.UserDefined:
                    _userDefined.Add(piece.Text, id);
                    break;
                case PieceKind.Byte:
                    var value = ByteOf(piece.Text)
                        ?? throw new TokenizerException(model.File, $"pieces[{id}].piece", $"expected a byte like <0x0A>, found '{piece.Text}'");
                    _byteIds[value] = id;
                    _bytes[id] = [value];
                    break;
            }

            // An added token takes over the piece's id; a piece that looks like a control token is one, whatever its kind.
            if (Added.ById(id)?.Special == true
                || (piece.Kind == PieceKind.UserDefined && piece.Text.StartsWith("<|", StringComparison.Ordinal) && piece.Text.EndsWith("|>", StringComparison.Ordinal)))
            {
                _protected.Add(id);
            }
        }

        if (_unknownId < 0)
        {
            throw new TokenizerException(model.File, "pieces", "there is no unknown piece");
        }

        if (model.ByteFallback && Array.IndexOf(_byteIds, -1) is >= 0 and var missing)
        {
            throw new TokenizerException(model.File, "trainer_spec.byte_fallback", $"the piece <0x{missing:X2}> is missing");
        }

        _dropsLeadingSpace = prefixSpace == PrefixSpace.Once || (prefixSpace == PrefixSpace.ByModel && model.AddDummyPrefix);
        VocabularySize = Math.Max(model.Pieces.Count, added.Count == 0 ? 0 : added.Max(t => t.Id) + 1);
    }

    /// <inheritdoc/>
    public override bool ReplacesEachBrokenByte => true;

    protected override void EncodeText(string text, LiteralRanges literal, List<int> ids)
    {
        var shift = 0;
        if (_prefixSpace == PrefixSpace.Once && text.Length > 0)
        {
            text = Space + text;
            shift = 1;
        }

        var ranges = shift == 0 || literal.IsEmpty ? literal : literal.Slice(0, text.Length, static p => p + 1);
        var pieces = new List<TextPiece>();
        Added.Split(text, ranges, normalized: false, pieces);
        for (var i = 0; i < pieces.Count; i++)
        {
            var piece = pieces[i];
            if (piece.Token is { } token)
            {
                ids.Add(token.Id);
            }
            else if (shift == 1 && i == 0 && piece.Length == 1 && pieces.Count > 1
                && pieces[1].Token is { } next && _namedSpecial.Contains(next.Content))
            {
                // The reference takes the space back when a special token follows it at once.
            }
            else
            {
                EncodePiece(text.AsSpan(piece.Start, piece.Length), ranges.Slice(piece.Start, piece.Start + piece.Length), ids);
            }
        }
    }

    protected override int? ModelTokenToId(string token) =>
        _reserved.TryGetValue(token, out var id) || _pieces.TryGetValue(token, out id) ? id : null;

    protected override string? ModelIdToToken(int id) => (uint)id < (uint)_model.Pieces.Count ? _model.Pieces[id].Text : null;

    protected override bool ModelIsSpecial(int id) =>
        (uint)id < (uint)_model.Pieces.Count && _model.Pieces[id].Kind is PieceKind.Control or PieceKind.Unknown;

    protected override ReadOnlyMemory<byte> ModelTokenBytes(int id) =>
        (uint)id < (uint)_bytes.Length ? _bytes[id] : ReadOnlyMemory<byte>.Empty;

    protected override bool ModelDropsLeadingSpace(int id) =>
        _dropsLeadingSpace && (uint)id < (uint)_model.Pieces.Count && _model.Pieces[id].Text[0] == Space;

    private static byte? ByteOf(string piece) =>
        piece.Length == 6 && piece.StartsWith("<0x", StringComparison.Ordinal) && piece[5] == '>'
        && byte.TryParse(piece.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;

    /// <summary>One text between added tokens.</summary>
    private void EncodePiece(ReadOnlySpan<char> text, LiteralRanges literal, List<int> ids)
    {
        var normalized = Normalize(text, literal, out var literalUnits);
        if (normalized.Length > 0)
        {
            Merge(normalized, literalUnits, ids);
        }
    }

    /// <summary>The model's identity normalisation: dummy prefix, white space rules.</summary>
    /// <param name="text">The text.</param>
    /// <param name="literal">Literal ranges in it.</param>
    /// <param name="literalUnits">Literal ranges in the result.</param>
    private string Normalize(ReadOnlySpan<char> text, LiteralRanges literal, out LiteralRanges literalUnits)
    {
        var space = _model.EscapeWhitespaces ? Space : ' ';
        var dummy = _prefixSpace == PrefixSpace.ByModel && _model.AddDummyPrefix;
        var result = new StringBuilder(text.Length + 1);
        if (!_model.RemoveExtraWhitespaces)
        {
            literalUnits = literal;
            if (dummy && text.Length > 0)
            {
                result.Append(space);
                literalUnits = literal.Slice(0, text.Length, static p => p + 1);
            }

            foreach (var unit in text)
            {
                result.Append(unit == ' ' ? space : unit);
            }

            return result.ToString();
        }

        // In the mode without a dummy prefix at each piece, the reference shields a leading space from removal.
        var shielded = _prefixSpace != PrefixSpace.ByModel && text.Length > 0 && text[0] is ' ' or Space;
        var map = new int[text.Length + 1];
        var start = 0;
        if (!shielded)
        {
            while (start < text.Length && text[start] == ' ')
            {
                start++;
            }
        }

        if (start < text.Length && dummy)
        {
            result.Append(space);
        }

        map.AsSpan(0, start + 1).Fill(result.Length);
        var afterSpace = !shielded;
        for (var i = start; i < text.Length;)
        {
            var (_, length) = _userDefined.Longest(text, i, default(AnyMatch));
            length = Math.Max(length, 1);
            var end = i + length;
            while (afterSpace && i < end && text[i] == ' ')
            {
                map[++i] = result.Length;
            }

            for (; i < end; i++)
            {
                result.Append(text[i] == ' ' ? space : text[i]);
                afterSpace = text[i] == ' ';
                map[i + 1] = result.Length;
            }
        }

        while (result.Length > 0 && result[^1] == space)
        {
            result.Length--;
        }

        var final = result.Length;
        literalUnits = literal.Slice(0, text.Length, p => Math.Min(map[p], final));
        return result.ToString();
    }

    private void Merge(string text, LiteralRanges literal, List<int> ids)
    {
        var symbols = ArrayPool<Symbol>.Shared.Rent(text.Length);
        try
        {
            var count = 0;
            var filter = new NotProtected(_protected, literal);
            for (var i = 0; i < text.Length;)
            {
                var (_, length) = _userDefined.Longest(text, i, filter);
                var frozen = length > 0;
                if (!frozen)
                {
                    length = char.IsHighSurrogate(text[i]) && i + 1 < text.Length ? 2 : 1;
                }

                symbols[count] = new(i, length, -1, count - 1, count + 1, frozen);
                i += length;
                count++;
            }

            symbols[count - 1].Next = -1;
            var table = new ScoreTable(this, text);
            BpeMerge.Run(symbols.AsSpan(0, count), ref table);
            var unknownBefore = false;
            for (var i = 0; i >= 0; i = symbols[i].Next)
            {
                Emit(text, symbols[i].Start, symbols[i].Length, symbols[i].Frozen, table.Splits, ids, ref unknownBefore);
            }
        }
        finally
        {
            ArrayPool<Symbol>.Shared.Return(symbols);
        }
    }

    private void Emit(
        string text, int start, int length, bool frozen, Dictionary<(int Start, int Length), int>? splits, List<int> ids, ref bool unknownBefore)
    {
        if (_lookup.TryGetValue(text.AsSpan(start, length), out var id))
        {
            // Unused pieces exist only as steps of merges, and text never merges into a control token.
            if (!frozen && splits is not null && splits.TryGetValue((start, length), out var left))
            {
                Emit(text, start, left, false, splits, ids, ref unknownBefore);
                Emit(text, start + left, length - left, false, splits, ids, ref unknownBefore);
                return;
            }

            if (frozen || !_protected.Contains(id))
            {
                ids.Add(id);
                unknownBefore = false;
                return;
            }
        }

        if (_model.ByteFallback)
        {
            Span<byte> utf8 = stackalloc byte[4];
            foreach (var rune in text.AsSpan(start, length).EnumerateRunes())
            {
                foreach (var value in utf8[..rune.EncodeToUtf8(utf8)])
                {
                    ids.Add(_byteIds[value]);
                }
            }

            unknownBefore = false;
        }
        else
        {
            // A run of unknown characters is one unknown token.
            if (!unknownBefore)
            {
                ids.Add(_unknownId);
            }

            unknownBefore = true;
        }
    }

    /// <summary>Merges by the score of the concatenation.</summary>
    private struct ScoreTable(SentencePieceTokenizer owner, string text) : IMergeTable
    {
        /// <summary>Where a symbol that must not be emitted was merged: its range to the length of its left part.</summary>
        public Dictionary<(int Start, int Length), int>? Splits { get; private set; }

        public readonly bool TryGet(in Symbol left, in Symbol right, out double rank, out int id)
        {
            var found = owner._lookup.TryGetValue(text.AsSpan(left.Start, left.Length + right.Length), out id);
            rank = found ? -owner._model.Pieces[id].Score : 0;
            return found;
        }

        public void Merged(in Symbol left, in Symbol right, int id)
        {
            if (owner._model.Pieces[id].Kind == PieceKind.Unused || owner._protected.Contains(id))
            {
                (Splits ??= [])[(left.Start, left.Length + right.Length)] = left.Length;
            }
        }
    }

    private readonly struct AnyMatch : IMatchFilter
    {
        public bool Accepts(int value, int start, int end) => true;
    }

    private readonly struct NotProtected(HashSet<int> ids, LiteralRanges literal) : IMatchFilter
    {
        public bool Accepts(int value, int start, int end) => !ids.Contains(value) || !literal.Intersects(start, end);
    }
}
