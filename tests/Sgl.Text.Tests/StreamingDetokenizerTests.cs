using System.Text;
using CsCheck;
using Sgl.Text.Tests.Support;

namespace Sgl.Text.Tests;

public sealed class StreamingDetokenizerTests
{
    private static readonly string[] Families = [.. Vocabularies.SmallSentencePiece, .. Vocabularies.SmallJson];
    private static readonly Dictionary<string, ITokenizer> Tokenizers = Families.ToDictionary(n => n, Vocabularies.Small);

    public static TheoryData<string> Names { get; } = [.. Families];

    [Theory]
    [MemberData(nameof(Names))]
    public void Push_AnyIds_JoinedIsTheDecodedText(string name)
    {
        var tokenizer = Tokenizers[name];
        Gen.Int[-1, tokenizer.VocabularySize + 1].Array[0, 30].Sample(ids =>
        {
            var stream = new StreamingDetokenizer(tokenizer);
            var joined = string.Concat(ids.Select(stream.Push)) + stream.Flush();
            return joined == tokenizer.Decode(ids);
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Push_EncodedText_NeverGivesHalfACharacter(string name)
    {
        var tokenizer = Tokenizers[name];
        TextGen.Any.Sample(text =>
        {
            var stream = new StreamingDetokenizer(tokenizer);
            var pieces = tokenizer.Encode(text, addSpecialTokens: false).Select(stream.Push).ToList();
            return stream.Flush().Length == 0
                && pieces.All(p => !p.Contains('\uFFFD', StringComparison.Ordinal)
                    && (p.Length == 0 || (!char.IsLowSurrogate(p[0]) && !char.IsHighSurrogate(p[^1]))));
        });
    }

    [Fact]
    public void Push_CharacterOfSeveralTokens_ComesOutWhole()
    {
        var tokenizer = Tokenizers["gpt2"];
        var ids = tokenizer.Encode("a\U0010FFFDb");
        Assert.Equal(6, ids.Length);
        var stream = new StreamingDetokenizer(tokenizer);
        Assert.Equal(["a", "", "", "", "\U0010FFFD", "b"], ids.Select(stream.Push));
    }

    [Fact]
    public void Flush_CutOffCharacter_IsAReplacementCharacter()
    {
        var tokenizer = Tokenizers["gpt2"];
        var stream = new StreamingDetokenizer(tokenizer);
        var ids = tokenizer.Encode("\U0010FFFD")[..3];
        Assert.All(ids, id => Assert.Equal("", stream.Push(id)));
        Assert.Equal("\uFFFD", stream.Flush());
        Assert.Equal("", stream.Flush());
    }

    [Fact]
    public void Push_SentencePieceWords_KeepTheSpacesBetweenThem()
    {
        var tokenizer = Tokenizers["sp-dummy"];
        var stream = new StreamingDetokenizer(tokenizer);
        var pieces = tokenizer.Encode("the red box").Select(stream.Push).ToList();
        Assert.Equal("the red box", string.Concat(pieces));
        Assert.Equal('t', pieces[0][0]);
        Assert.Contains(pieces, p => p.StartsWith(' '));
    }

    [Fact]
    public void Push_SpecialToken_IsSkippedAndStillFirstWordLosesItsSpace()
    {
        var tokenizer = Vocabularies.OpenSentencePiece(OracleData.FilePath("sp-dummy.model"), """{"tokenizer_class": "LlamaTokenizer"}""");
        var ids = tokenizer.Encode("the dog");
        Assert.Equal(1, ids[0]);
        var stream = new StreamingDetokenizer(tokenizer);
        Assert.Equal("the dog", string.Concat(ids.Select(stream.Push)) + stream.Flush());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Push_StopString_GivesOnlyTheTextBeforeIt(string name)
    {
        var tokenizer = Tokenizers[name];
        var stop = Gen.String[Gen.Char["ab \u00e9\n"], 1, 4];
        Gen.Select(Gen.String[Gen.Char["ab \u00e9\n"], 0, 30], stop.Array[1, 3]).Sample((text, stops) =>
        {
            var ids = tokenizer.Encode(text, addSpecialTokens: false);
            var whole = tokenizer.Decode(ids);
            var stream = new StreamingDetokenizer(tokenizer, stops);
            var joined = string.Concat(ids.Select(stream.Push)) + stream.Flush();

            // The stop string that is complete first, the longest of those that are complete at once.
            var ends = stops.Select(s => (Stop: s, At: whole.IndexOf(s, StringComparison.Ordinal))).Where(m => m.At >= 0)
                .OrderBy(m => m.At + m.Stop.Length).ThenBy(m => m.At).ToList();
            return stream.Stopped == ends.Count > 0 && joined == (ends.Count > 0 ? whole[..ends[0].At] : whole);
        });
    }

    [Fact]
    public void Push_BeginningOfAStopString_IsHeldBack()
    {
        var tokenizer = Tokenizers["gpt2"];
        var stream = new StreamingDetokenizer(tokenizer, ["###"]);
        Assert.Equal("a", string.Concat(tokenizer.Encode("a").Select(stream.Push)));
        var hash = tokenizer.TokenToId("#")!.Value;
        Assert.Equal("", stream.Push(hash));
        Assert.Equal("", stream.Push(hash));
        Assert.Equal("##b", stream.Push(tokenizer.TokenToId("b")!.Value));
        Assert.Equal("", stream.Push(hash) + stream.Push(hash) + stream.Push(hash));
        Assert.True(stream.Stopped);
        Assert.Equal("", stream.Push(hash) + stream.Flush());
    }

    [Fact]
    public void Constructor_EmptyStopString_IsRefused() =>
        Assert.Throws<ArgumentException>(() => new StreamingDetokenizer(Tokenizers["gpt2"], [""]));

    [Fact]
    public void Push_TokenizerWithoutBytes_UsesItsDecodedText()
    {
        var stream = new StreamingDetokenizer(new LetterTokenizer());
        Assert.Equal("abc", string.Concat(new[] { 0, 1, 2 }.Select(stream.Push)) + stream.Flush());
    }

    /// <summary>Implements only what the interface demands.</summary>
    private sealed class LetterTokenizer : ITokenizer
    {
        public int VocabularySize => 26;

        public int? BosTokenId => null;

        public IReadOnlyDictionary<string, int> AddedTokens { get; } = new Dictionary<string, int>();

        public int? TokenToId(string token) => token is [>= 'a' and <= 'z'] ? token[0] - 'a' : null;

        public string? IdToToken(int id) => ((char)('a' + id)).ToString();

        public bool IsSpecial(int id) => false;

        public int[] Encode(string text, bool addSpecialTokens = true) => [.. text.Select(c => c - 'a')];

        public int[] Encode(string text, IReadOnlyList<TextRange> literal, bool addSpecialTokens = true) => Encode(text);

        public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
        {
            var text = new StringBuilder();
            foreach (var id in ids)
            {
                text.Append(IdToToken(id));
            }

            return text.ToString();
        }
    }
}
