using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Security.Cryptography;

namespace Sgl.Access.Internal;

/// <summary>
/// The keys of a moment. A presented key is hashed, and what is compared are hashes, over their whole length whatever differs: how long that takes says
/// nothing about a key.
/// </summary>
internal sealed class KeyRing
{
    /// <summary>Keys beyond this number share one label in metrics.</summary>
    public const int MostLabels = 500;

    /// <summary>The label of those.</summary>
    public const string OtherLabel = "other";

    private readonly FrozenDictionary<ulong, Entry[]> _entries;
    private readonly FrozenDictionary<string, Entry> _byName;

    /// <param name="keys">Valid and with different names.</param>
    /// <param name="before">Gives the accounts of keys whose limits have not changed.</param>
    /// <param name="metrics">Count what the callers do.</param>
    /// <param name="time">The clock of new accounts.</param>
    public KeyRing(IReadOnlyList<KeyOptions> keys, KeyRing? before, AccessMetrics metrics, TimeProvider time)
    {
        var entries = keys.Select((key, place) =>
        {
            var account = before?._byName.GetValueOrDefault(key.Name)?.Caller.Account is { } known && known.Allows(key) ? known : new Account(key, time);
            var label = place < MostLabels ? key.Name : OtherLabel;
            var tenant = key.Tenant is { Length: > 0 } given ? given : key.Name;
            return new Entry(ApiKey.ParseHash(key.Hash)!, new Caller(key.Name, label, tenant, key, account, metrics), key.Expires);
        }).ToList();
        _entries = entries.GroupBy(e => Start(e.Digest)).ToFrozenDictionary(g => g.Key, g => g.ToArray());
        _byName = entries.ToFrozenDictionary(e => e.Caller.Name);
    }

    public int Count => _byName.Count;

    public IEnumerable<string> Labels => _byName.Values.Select(e => e.Caller.Label).Distinct();

    /// <summary>Whose key it is; null: nobody's.</summary>
    public Caller? Find(ReadOnlySpan<char> key, DateTimeOffset now, out bool expired)
    {
        expired = false;
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        if (!ApiKey.TryDigest(key, digest) || !_entries.TryGetValue(Start(digest), out var candidates))
        {
            return null;
        }

        Entry? found = null;
        foreach (var candidate in candidates)
        {
            found = CryptographicOperations.FixedTimeEquals(candidate.Digest, digest) ? candidate : found;
        }

        expired = found?.Expires <= now;
        return expired ? null : found?.Caller;
    }

    private static ulong Start(ReadOnlySpan<byte> digest) => BinaryPrimitives.ReadUInt64LittleEndian(digest);

    private sealed record Entry(byte[] Digest, Caller Caller, DateTimeOffset? Expires);
}
