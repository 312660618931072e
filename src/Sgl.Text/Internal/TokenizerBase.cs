using System.Text;

namespace Sgl.Text.Internal;

/// <summary>What all tokenizers share: limits, added tokens, surrounding tokens, decoding from bytes.</summary>
internal abstract class TokenizerBase : ITokenizer
{
    private readonly TokenizerOptions _options;
    private readonly int[] _prefix;
    private readonly int[] _suffix;

    protected TokenizerBase(AddedTokenSet added, int[] prefix, int[] suffix, TokenizerOptions options)
    {
        Added = added;
        _prefix = prefix;
        _suffix = suffix;
        _options = options;
    }

    /// <inheritdoc/>
    public int VocabularySize { get; protected init; }

    /// <inheritdoc/>
    public int? BosTokenId => _prefix.Length > 0 ? _prefix[0] : null;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, int> AddedTokens => Added.Ids;

    /// <inheritdoc/>
    public abstract bool ReplacesEachBrokenByte { get; }

    protected AddedTokenSet Added { get; }

    /// <inheritdoc/>
    public int? TokenToId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return Added.Ids.TryGetValue(token, out var id) ? id : ModelTokenToId(token);
    }

    /// <inheritdoc/>
    public string? IdToToken(int id) => Added.ById(id)?.Content ?? ModelIdToToken(id);

    /// <inheritdoc/>
    public bool IsSpecial(int id) => Added.ById(id)?.Special ?? ModelIsSpecial(id);

    /// <inheritdoc/>
    public int[] Encode(string text, bool addSpecialTokens = true) => Encode(text, [], addSpecialTokens);

    /// <inheritdoc/>
    public int[] Encode(string text, IReadOnlyList<TextRange> literal, bool addSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(literal);
        if (text.Length > _options.MaxTextLength)
        {
            throw new TextTooLongException(text.Length, _options.MaxTextLength);
        }

        var ranges = LiteralRanges.Create(literal, text.Length);
        var ids = new List<int>(16 + (text.Length / 3));
        if (addSpecialTokens)
        {
            ids.AddRange(_prefix);
        }

        EncodeText(Utf8Text.WithoutLoneSurrogates(text), ranges, ids);
        if (addSpecialTokens)
        {
            ids.AddRange(_suffix);
        }

        return [.. ids];
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        var bytes = new List<byte>(ids.Length * 4);
        var first = true;
        foreach (var id in ids)
        {
            if (skipSpecialTokens && IsSpecial(id))
            {
                continue;
            }

            var token = TokenBytes(id).Span;
            if (first && DropsLeadingSpace(id))
            {
                token = token[1..];
            }

            first = false;
            bytes.AddRange(token);
        }

        var text = new StringBuilder(bytes.Count);
        Utf8Text.Append(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes), ReplacesEachBrokenByte, final: true, text);
        return text.ToString();
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> TokenBytes(int id) =>
        Added.ById(id) is { } added ? Encoding.UTF8.GetBytes(added.Content) : ModelTokenBytes(id);

    /// <inheritdoc/>
    public bool DropsLeadingSpace(int id) => Added.ById(id) is null && ModelDropsLeadingSpace(id);

    protected abstract void EncodeText(string text, LiteralRanges literal, List<int> ids);

    protected abstract int? ModelTokenToId(string token);

    protected abstract string? ModelIdToToken(int id);

    protected abstract bool ModelIsSpecial(int id);

    protected abstract ReadOnlyMemory<byte> ModelTokenBytes(int id);

    protected abstract bool ModelDropsLeadingSpace(int id);
}
