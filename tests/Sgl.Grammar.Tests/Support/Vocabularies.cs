using Sgl.TestKit;
using Sgl.Text;

namespace Sgl.Grammar.Tests.Support;

/// <summary>Vocabularies for tests.</summary>
internal static class Vocabularies
{
    /// <summary>Each byte is the token of its value.</summary>
    public static TokenTrie Bytes { get; } = new([.. Enumerable.Range(0, 256).Select(b => (ReadOnlyMemory<byte>)new[] { (byte)b })]);

    /// <summary>What the ids of the small demo model write.</summary>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Demo { get; } = Of(TokenizerLoader.Open(Repository.Path("models", "sgl-demo-small")));

    public static IReadOnlyList<ReadOnlyMemory<byte>> Of(ITokenizer tokenizer) =>
        [.. Enumerable.Range(0, tokenizer.VocabularySize).Select(id => tokenizer.IsSpecial(id) || tokenizer.AddedTokens.Values.Contains(id) ? default : tokenizer.TokenBytes(id))];
}
