using System.Text;

namespace Sgl.Text;

/// <summary>
/// Turns text into token ids and back, as the checkpoint's own tokenizer does. Implementations are immutable and may be
/// used from several threads.
/// </summary>
public interface ITokenizer
{
    /// <summary>The highest id plus one, added tokens included. The rows of the embedding table may be more.</summary>
    int VocabularySize { get; }

    /// <summary>The id that <see cref="Encode(string, bool)"/> puts in front, or null when the checkpoint asks for none.</summary>
    int? BosTokenId { get; }

    /// <summary>Tokens that are recognised as a whole in a text, outside the model's own pieces: content to id.</summary>
    IReadOnlyDictionary<string, int> AddedTokens { get; }

    /// <summary>The id of a token as it is written in the vocabulary (byte-level or SentencePiece alphabet), or null.</summary>
    int? TokenToId(string token);

    /// <summary>The token of an id as it is written in the vocabulary, or null when the id is not in use.</summary>
    string? IdToToken(int id);

    /// <summary>Whether the id is a control token, which decoding leaves out on request.</summary>
    bool IsSpecial(int id);

    /// <summary>Encodes a text; added tokens are recognised everywhere.</summary>
    /// <param name="text">The text. Unpaired surrogates are read as U+FFFD.</param>
    /// <param name="addSpecialTokens">Whether to add the tokens that the checkpoint puts around every text.</param>
    /// <exception cref="TextTooLongException">The text is longer than the limit.</exception>
    int[] Encode(string text, bool addSpecialTokens = true);

    /// <summary>
    /// Encodes a text of which some ranges are literal: inside them, or touching them, no added token is recognised and
    /// no control token can come out. Apart from that the text is encoded as a whole: merges run across the ranges' borders.
    /// </summary>
    /// <param name="text">The text. Unpaired surrogates are read as U+FFFD.</param>
    /// <param name="literal">Ranges of untrusted text, in any order.</param>
    /// <param name="addSpecialTokens">Whether to add the tokens that the checkpoint puts around every text.</param>
    /// <exception cref="TextTooLongException">The text is longer than the limit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A range is outside the text.</exception>
    int[] Encode(string text, IReadOnlyList<TextRange> literal, bool addSpecialTokens = true);

    /// <summary>The text of a sequence of ids. Ids that are not in use give nothing; bytes that are not UTF-8 give U+FFFD.</summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="skipSpecialTokens">Whether control tokens are left out.</param>
    string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true);

    /// <summary>
    /// The UTF-8 bytes that an id adds to a text; they may end or begin inside a character. Concatenated over a sequence,
    /// after <see cref="DropsLeadingSpace"/>, they are the text's bytes.
    /// </summary>
    /// <param name="id">A token id; one that is not in use adds nothing.</param>
    ReadOnlyMemory<byte> TokenBytes(int id) => Encoding.UTF8.GetBytes(Decode([id], skipSpecialTokens: false));

    /// <summary>Whether the space that an id begins with belongs to the encoding, not to the text, when the id comes first.</summary>
    /// <param name="id">A token id.</param>
    bool DropsLeadingSpace(int id) => false;

    /// <summary>
    /// Whether each byte that is not UTF-8 gives its own U+FFFD (SentencePiece), instead of one for each broken character.
    /// </summary>
    bool ReplacesEachBrokenByte => false;
}
