using Sgl.Grammar;
using Sgl.Text;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>The grammars of the last requests over an engine's vocabulary: clients send the same one again and again, and what was found out about it serves the next answer.</summary>
internal sealed class GrammarTable(ITokenizer? tokenizer)
{
    private const int Kept = 8;

    // Some tenths of a second for a large vocabulary, and megabytes: for engines that are asked for a grammar.
    private readonly Lazy<TokenTrie> _tokens = new(() => Tokens(tokenizer ?? throw new InvalidOperationException("without a tokenizer there are no tokens")));
    private readonly LinkedList<TokenGrammar> _grammars = [];

    /// <summary>Makes what the first grammar needs. Safe for concurrent use.</summary>
    public void Prepare() => _ = _tokens.Value;

    /// <summary>A new answer under a grammar. Used by the engine thread only, as is what it returns.</summary>
    public GrammarCursor Begin(JsonGrammar grammar)
    {
        var known = _grammars.FirstOrDefault(g => g.Grammar.Equals(grammar));
        if (known is not null)
        {
            _grammars.Remove(known);
        }
        else if (_grammars.Count >= Kept)
        {
            _grammars.RemoveLast();
        }

        return _grammars.AddFirst(known ?? new TokenGrammar(grammar, _tokens.Value)).Value.Begin();
    }

    /// <summary>What ids write. Markers are no text: an answer must not hold their names by way of their ids.</summary>
    private static TokenTrie Tokens(ITokenizer tokenizer)
    {
        var added = tokenizer.AddedTokens.Values.ToHashSet();
        return new TokenTrie([.. Enumerable.Range(0, tokenizer.VocabularySize).Select(id => added.Contains(id) || tokenizer.IsSpecial(id) ? default : tokenizer.TokenBytes(id))]);
    }
}
