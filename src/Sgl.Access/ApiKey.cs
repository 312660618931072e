using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Sgl.Access;

/// <summary>
/// API keys: 256 random bits behind a prefix that scanners for leaked secrets can be taught. A hash without salt or stretching is enough for such a key,
/// since nobody can go through so many; a password would need more, so keys that people think of are refused.
/// </summary>
public static class ApiKey
{
    /// <summary>What keys begin with.</summary>
    public const string Prefix = "sgl_";

    /// <summary>Shortest key that <see cref="Hash"/> accepts, characters.</summary>
    public const int MinLength = 32;

    /// <summary>Longest key, characters.</summary>
    public const int MaxLength = 256;

    internal const string HashPrefix = "sha256:";

    /// <summary>A new key.</summary>
    public static string Create() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    /// <summary>What is stored of a key, as <see cref="KeyOptions.Hash"/>.</summary>
    /// <exception cref="ArgumentException">It is too short, too long, or has characters that a header cannot carry.</exception>
    public static string Hash(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        return key.Length >= MinLength && TryDigest(key, digest)
            ? HashPrefix + Convert.ToHexStringLower(digest)
            : throw new ArgumentException($"A key has {MinLength} to {MaxLength} printable ASCII characters without blanks; take one that 'sgl keys new' makes.", nameof(key));
    }

    /// <summary>SHA-256 of a presented key; false where it cannot be one, without hashing it.</summary>
    internal static bool TryDigest(ReadOnlySpan<char> key, Span<byte> digest)
    {
        if (key.Length is 0 or > MaxLength || key.ContainsAnyExceptInRange('!', '~'))
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[MaxLength];
        var count = Encoding.ASCII.GetBytes(key, bytes);
        SHA256.HashData(bytes[..count], digest);
        CryptographicOperations.ZeroMemory(bytes);
        return true;
    }

    /// <summary>Reads a stored hash; null where it is none.</summary>
    internal static byte[]? ParseHash(string hash) =>
        hash.StartsWith(HashPrefix, StringComparison.OrdinalIgnoreCase) && hash.Length == HashPrefix.Length + (2 * SHA256.HashSizeInBytes)
        && !hash.AsSpan(HashPrefix.Length).ContainsAnyExcept(HexDigits)
            ? Convert.FromHexString(hash.AsSpan(HashPrefix.Length))
            : null;

    private static readonly System.Buffers.SearchValues<char> HexDigits = System.Buffers.SearchValues.Create("0123456789abcdefABCDEF");
}
