using System.Buffers.Binary;
using System.Numerics;

namespace Sgl.Guidance;

/// <summary>
/// Which visual tokens stay. Bit i stands for the i-th visual token of the prompt, counted over all images, tiles and
/// thumbnails in prompt order; text tokens always stay and have no bit. Immutable.
/// </summary>
/// <remarks>
/// The index is relative to the first visual token, so one mask fits the small and the large model even where their
/// prompts differ in length before the image.
/// </remarks>
public sealed class KeepMask : IEquatable<KeepMask>
{
    private readonly ulong[] _words;

    private KeepMask(int length, ulong[] words)
    {
        Length = length;
        _words = words;
        foreach (var word in words)
        {
            Count += BitOperations.PopCount(word);
        }
    }

    /// <summary>N_I, the number of visual tokens the mask speaks about.</summary>
    public int Length { get; }

    /// <summary>How many of them stay.</summary>
    public int Count { get; }

    /// <summary>Whether the visual token stays.</summary>
    public bool this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Length);
            return (_words[index >> 6] >> (index & 63) & 1) != 0;
        }
    }

    /// <summary>A mask that keeps everything.</summary>
    public static KeepMask All(int length)
    {
        var words = NewWords(length);
        Array.Fill(words, ulong.MaxValue);
        if ((length & 63) != 0)
        {
            words[^1] = (1UL << (length & 63)) - 1;
        }

        return new KeepMask(length, words);
    }

    /// <summary>A mask that keeps the listed tokens, in any order.</summary>
    /// <exception cref="GuidanceException">An index is out of range or listed twice.</exception>
    public static KeepMask FromIndices(int length, ReadOnlySpan<int> indices)
    {
        var words = NewWords(length);
        for (var i = 0; i < indices.Length; i++)
        {
            Set(words, length, indices[i], "indices", i);
        }

        return new KeepMask(length, words);
    }

    /// <summary>Keeps the <see cref="KeepCount"/> most important tokens: the paper's rule, global over all tiles.</summary>
    /// <param name="importance">A, one number per visual token.</param>
    /// <param name="ratio">Keep ratio r.</param>
    /// <exception cref="GuidanceException">A NaN in the importance, or a ratio outside 0 to 1.</exception>
    public static KeepMask FromImportance(ReadOnlySpan<float> importance, double ratio) =>
        FromIndices(importance.Length, Ranking.Top(importance, KeepCount.Of(importance.Length, ratio)));

    /// <summary>Keeps the first <paramref name="count"/> of a ranking.</summary>
    /// <param name="ranking">Every index from 0 to N_I - 1 once, most important first.</param>
    /// <param name="count">How many stay, 0 to N_I.</param>
    /// <exception cref="GuidanceException">The ranking is not a permutation or the count is out of range.</exception>
    public static KeepMask FromRanking(ReadOnlySpan<int> ranking, int count)
    {
        if (count < 0 || count > ranking.Length)
        {
            throw new GuidanceException("keep_count", $"must be between 0 and {ranking.Length}, was {count}");
        }

        var seen = NewWords(ranking.Length);
        for (var i = 0; i < ranking.Length; i++)
        {
            Set(seen, ranking.Length, ranking[i], "ranking", i);
        }

        return FromIndices(ranking.Length, ranking[..count]);
    }

    /// <summary>Reads a bitset: token i is bit (i mod 8), counted from the least significant, of byte (i div 8).</summary>
    /// <exception cref="GuidanceException">Wrong number of bytes, or a bit beyond the last token is set.</exception>
    public static KeepMask FromBytes(ReadOnlySpan<byte> bytes, int length)
    {
        var words = NewWords(length);
        if (bytes.Length != ByteCount(length))
        {
            throw new GuidanceException(
                "mask", $"{length} visual tokens need {ByteCount(length)} bytes, found {bytes.Length}");
        }

        Span<byte> padded = stackalloc byte[8];
        for (var w = 0; w < words.Length; w++)
        {
            var part = bytes[(w * 8)..Math.Min(bytes.Length, (w + 1) * 8)];
            padded.Clear();
            part.CopyTo(padded);
            words[w] = BinaryPrimitives.ReadUInt64LittleEndian(padded);
        }

        if ((length & 63) != 0 && words[^1] >> (length & 63) != 0)
        {
            throw new GuidanceException("mask", $"a bit beyond the last of {length} visual tokens is set");
        }

        return new KeepMask(length, words);
    }

    /// <summary>The bitset that <see cref="FromBytes"/> reads; ceil(N_I / 8) bytes.</summary>
    public byte[] ToBytes()
    {
        var padded = new byte[_words.Length * 8];
        for (var w = 0; w < _words.Length; w++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(padded.AsSpan(w * 8), _words[w]);
        }

        return padded[..ByteCount(Length)];
    }

    /// <summary>The kept indices, ascending.</summary>
    public int[] Indices()
    {
        var indices = new int[Count];
        var next = 0;
        for (var w = 0; w < _words.Length; w++)
        {
            for (var word = _words[w]; word != 0; word &= word - 1)
            {
                indices[next++] = (w << 6) + BitOperations.TrailingZeroCount(word);
            }
        }

        return indices;
    }

    /// <summary>Whether every token kept here is kept there too. Masks of different lengths are never subsets.</summary>
    public bool IsSubsetOf(KeepMask other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (Length != other.Length)
        {
            return false;
        }

        for (var w = 0; w < _words.Length; w++)
        {
            if ((_words[w] & ~other._words[w]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Equals(KeepMask? other) =>
        other is not null && Length == other.Length && _words.AsSpan().SequenceEqual(other._words);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as KeepMask);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Length);
        foreach (var word in _words)
        {
            hash.Add(word);
        }

        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Count} of {Length} visual tokens";

    private static int ByteCount(int length) => (int)(((long)length + 7) / 8);

    private static ulong[] NewWords(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new ulong[((long)length + 63) / 64];
    }

    private static void Set(ulong[] words, int length, int index, string field, int at)
    {
        if ((uint)index >= (uint)length)
        {
            throw new GuidanceException($"{field}[{at}]", $"must be between 0 and {length - 1}, was {index}");
        }

        var bit = 1UL << (index & 63);
        if ((words[index >> 6] & bit) != 0)
        {
            throw new GuidanceException($"{field}[{at}]", $"lists visual token {index} a second time");
        }

        words[index >> 6] |= bit;
    }
}
