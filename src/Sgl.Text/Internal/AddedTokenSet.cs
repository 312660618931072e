using System.Globalization;
using System.Text;

namespace Sgl.Text.Internal;

/// <summary>
/// The added tokens of a tokenizer, and how a text is cut at them: leftmost, longest first, with the flags of
/// <see cref="AddedToken"/>.
/// </summary>
internal sealed class AddedTokenSet
{
    private readonly AddedToken[] _tokens;
    private readonly Dictionary<int, AddedToken> _byId = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly PrefixTrie _raw = new();
    private readonly PrefixTrie _normalized = new();

    public AddedTokenSet(IEnumerable<AddedToken> tokens, Func<string, string> normalize)
    {
        _tokens = [.. tokens];
        for (var i = 0; i < _tokens.Length; i++)
        {
            var token = _tokens[i];
            _byId[token.Id] = token;
            _ids[token.Content] = token.Id;
            var pattern = token.Normalized ? normalize(token.Content) : token.Content;
            if (pattern.Length > 0)
            {
                (token.Normalized ? _normalized : _raw).Add(pattern, i);
            }
        }
    }

    public IReadOnlyDictionary<string, int> Ids => _ids;

    public IEnumerable<AddedToken> Tokens => _tokens;

    public bool HasNormalized => !_normalized.IsEmpty;

    public AddedToken? ById(int id) => _byId.GetValueOrDefault(id);

    /// <summary>Cuts a text at the tokens that are matched before (or after) normalisation.</summary>
    /// <param name="text">The text.</param>
    /// <param name="literal">Ranges that a match must not touch.</param>
    /// <param name="normalized">Which set of tokens: those matched in normalised text, or in raw text.</param>
    /// <param name="pieces">Receives the pieces in order; <see cref="TextPiece.Token"/> is null for text.</param>
    public void Split(ReadOnlySpan<char> text, LiteralRanges literal, bool normalized, List<TextPiece> pieces)
    {
        var trie = normalized ? _normalized : _raw;
        var done = 0;
        if (!trie.IsEmpty)
        {
            for (var i = 0; i < text.Length;)
            {
                var (index, length) = trie.Longest(text, i, new NotLiteral(literal));
                if (index < 0)
                {
                    i++;
                    continue;
                }

                var token = _tokens[index];
                var (start, end) = (i, i + length);
                i = end;
                if (token.SingleWord && (EndsWithWord(text[..start]) || StartsWithWord(text[end..])))
                {
                    continue;
                }

                if (token.LeftStrip)
                {
                    while (start > done && char.IsWhiteSpace(text[start - 1]))
                    {
                        start--;
                    }
                }

                if (token.RightStrip)
                {
                    while (end < text.Length && char.IsWhiteSpace(text[end]))
                    {
                        end++;
                    }

                    i = end;
                }

                if (start > done)
                {
                    pieces.Add(new(done, start - done, null));
                }

                pieces.Add(new(start, end - start, token));
                done = end;
            }
        }

        if (done < text.Length)
        {
            pieces.Add(new(done, text.Length - done, null));
        }
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune);

    private static bool IsWord(Rune rune) => Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.ConnectorPunctuation or UnicodeCategory.LetterNumber;

    private readonly struct NotLiteral(LiteralRanges literal) : IMatchFilter
    {
        public bool Accepts(int value, int start, int end) => !literal.Intersects(start, end);
    }
}

/// <summary>A piece of a text that was cut at added tokens.</summary>
internal readonly record struct TextPiece(int Start, int Length, AddedToken? Token);
