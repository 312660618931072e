using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Sgl.Text;

namespace Sgl.Models.Internal;

/// <summary>A digest of what the ids of a tokenizer mean.</summary>
internal static class TokenizerDigest
{
    public static string Compute(ITokenizer tokenizer)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, tokenizer.VocabularySize);
        Append(hash, tokenizer.BosTokenId ?? -1);
        for (var id = 0; id < tokenizer.VocabularySize; id++)
        {
            var token = tokenizer.IdToToken(id);
            Append(hash, token is null ? -1 : tokenizer.IsSpecial(id) ? 1 : 0);
            Append(hash, token ?? string.Empty);
            var bytes = tokenizer.TokenBytes(id).Span;
            Append(hash, bytes.Length);
            hash.AppendData(bytes);
        }

        foreach (var (content, id) in tokenizer.AddedTokens.OrderBy(t => t.Value).ThenBy(t => t.Key, StringComparer.Ordinal))
        {
            Append(hash, id);
            Append(hash, content);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
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
