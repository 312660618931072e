using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Sgl.Text;

namespace Sgl.Models;

/// <summary>
/// What the ids of a tokenizer mean, in a form that can be compared without the tokenizer. Generations of a family often share their ordinary tokens and
/// differ in the added ones: then answers can be drafts as far as no added token of another meaning appears in them.
/// </summary>
public sealed record VocabularyIdentity
{
    private VocabularyIdentity(string digest, string ordinaryDigest, IReadOnlyDictionary<int, string> addedTokens)
    {
        Digest = digest;
        OrdinaryDigest = ordinaryDigest;
        AddedTokens = addedTokens;
    }

    /// <summary>Digest of everything: equal where all ids mean the same.</summary>
    public string Digest { get; }

    /// <summary>Digest of the tokens that are not added ones: equal where all ids that are added in neither vocabulary mean the same.</summary>
    public string OrdinaryDigest { get; }

    /// <summary>Added tokens by id.</summary>
    public IReadOnlyDictionary<int, string> AddedTokens { get; }

    /// <summary>Reads a tokenizer. Takes time in proportion to the vocabulary.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    public static VocabularyIdentity Of(ITokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var ordinary = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var added = tokenizer.AddedTokens.GroupBy(t => t.Value).ToDictionary(g => g.Key, g => g.Select(t => t.Key).Order(StringComparer.Ordinal).First());
        Append(all, tokenizer.VocabularySize);
        Append(all, tokenizer.BosTokenId ?? -1);
        for (var id = 0; id < tokenizer.VocabularySize; id++)
        {
            AppendToken(all, tokenizer, id);
            if (!added.ContainsKey(id) && tokenizer.IdToToken(id) is not null)
            {
                Append(ordinary, id);
                AppendToken(ordinary, tokenizer, id);
            }
        }

        foreach (var (content, id) in tokenizer.AddedTokens.OrderBy(t => t.Value).ThenBy(t => t.Key, StringComparer.Ordinal))
        {
            Append(all, id);
            Append(all, content);
        }

        return new VocabularyIdentity(Convert.ToHexStringLower(all.GetHashAndReset()), Convert.ToHexStringLower(ordinary.GetHashAndReset()), added);
    }

    private static void AppendToken(IncrementalHash hash, ITokenizer tokenizer, int id)
    {
        var token = tokenizer.IdToToken(id);
        Append(hash, token is null ? -1 : tokenizer.IsSpecial(id) ? 1 : 0);
        Append(hash, token ?? string.Empty);
        var bytes = tokenizer.TokenBytes(id).Span;
        Append(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void Append(IncrementalHash hash, int number)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }

    private static void Append(IncrementalHash hash, string text)
    {
        var bytes = Encoding.Unicode.GetBytes(text);
        Append(hash, bytes.Length);
        hash.AppendData(bytes);
    }
}
