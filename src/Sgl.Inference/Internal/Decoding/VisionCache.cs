using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Sgl.Vision;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>What a vision tower is fed, as a SHA-256: equal keys have equal features, and nobody can make an image that gets another's.</summary>
internal readonly record struct VisionKey(UInt128 High, UInt128 Low)
{
    /// <summary>
    /// The key of one tile of a preprocessed image, by what the tower sees of it: equal tiles have equal features, in whichever image and place they stand. Where
    /// the tower sees an image as a whole, that is its only tile.
    /// </summary>
    /// <param name="image">The image.</param>
    /// <param name="tile">Which of its tiles, from 0.</param>
    /// <param name="scope">Whose it is; null: everybody's. Of other scopes neither the entry nor the time that it saves can be seen.</param>
    public static VisionKey OfTile(VisualInput image, int tile, string? scope = null)
    {
        using var hash = Start(scope);
        var values = image.PixelValues.Length;
        if (image.Grid is var (t, h, w))
        {
            hash.AppendData(MemoryMarshal.AsBytes<int>([.. image.Shape, t, h, w]));
        }
        else
        {
            values /= image.Shape[0];
            hash.AppendData(MemoryMarshal.AsBytes<int>([1, .. image.Shape.AsSpan(1)]));
        }

        hash.AppendData(MemoryMarshal.AsBytes<float>(image.PixelValues.AsSpan(tile * values, values)));
        return Finish(hash);
    }

    /// <summary>The keys of all tiles of an image; the only pass over its pixels.</summary>
    public static VisionKey[] OfTiles(VisualInput image, string? scope = null) =>
        [.. Enumerable.Range(0, PromptTiles.CountOf(image)).Select(tile => OfTile(image, tile, scope))];

    /// <summary>The key of one preprocessed image, from those of its tiles.</summary>
    /// <param name="image">The image; its pixels are not looked at.</param>
    /// <param name="tiles">From <see cref="OfTiles"/>: they say whose it is.</param>
    public static VisionKey Of(VisualInput image, ReadOnlySpan<VisionKey> tiles)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes<int>(image.Shape));
        var (t, h, w) = image.Grid ?? default;
        hash.AppendData(MemoryMarshal.AsBytes<int>([t, h, w]));
        if (image.Packed is { } p)
        {
            hash.AppendData(MemoryMarshal.AsBytes<int>(
                [p.GridRows, p.GridColumns, p.TokensPerSide, p.FirstRow, p.FirstColumn, p.UnpaddedRows, p.UnpaddedColumns, p.Rows, p.Columns]));
        }

        hash.AppendData(MemoryMarshal.AsBytes(tiles));
        return Finish(hash);
    }

    /// <summary>The key of features that no image is known of.</summary>
    /// <param name="features">[tokens, feature width].</param>
    /// <param name="scope">As for <see cref="OfTile"/>.</param>
    public static VisionKey Of(ReadOnlySpan<float> features, string? scope)
    {
        using var hash = Start(scope);
        hash.AppendData(MemoryMarshal.AsBytes(features));
        return Finish(hash);
    }

    private static IncrementalHash Start(string? scope)
    {
        var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes<int>([scope?.Length ?? -1]));
        hash.AppendData(MemoryMarshal.AsBytes(scope.AsSpan()));
        return hash;
    }

    private static VisionKey Finish(IncrementalHash hash)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return new VisionKey(BinaryPrimitives.ReadUInt128LittleEndian(digest), BinaryPrimitives.ReadUInt128LittleEndian(digest[16..]));
    }
}

/// <summary>Visual features of tiles seen lately, so that the next question about an image does not run the tower again. Safe for concurrent use.</summary>
/// <param name="budget">Bytes that the features may take; what was not used for longest goes first. 0 keeps nothing.</param>
internal sealed class VisionCache(long budget)
{
    private readonly RecentlyUsed<VisionKey, float[]> _features = new(budget, static (_, features) => Size(features));

    /// <summary>Whether anything can be kept.</summary>
    public bool IsOn => budget > 0;

    /// <summary>Bytes taken.</summary>
    public long Bytes => _features.Bytes;

    /// <summary>The features of a tile, [tokens, feature width], not to be changed; null where they are not known.</summary>
    public float[]? Find(VisionKey key) => _features.TryFind(key, out var features) ? features : null;

    /// <summary>Keeps a copy of a tile's features, if they fit at all.</summary>
    public void Add(VisionKey key, ReadOnlySpan<float> features)
    {
        if (Size(features) <= budget)
        {
            _features.Add(key, features.ToArray());
        }
    }

    private static long Size(ReadOnlySpan<float> features) => (long)features.Length * sizeof(float);
}
