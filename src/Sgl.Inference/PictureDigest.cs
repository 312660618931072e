using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Sgl.Inference;

/// <summary>SHA-256 of a picture's bytes as they came: equal digests are equal pictures, and nobody can make one that gets another's.</summary>
public readonly record struct PictureDigest
{
    private readonly UInt128 _high;
    private readonly UInt128 _low;

    private PictureDigest(ReadOnlySpan<byte> digest)
    {
        _high = BinaryPrimitives.ReadUInt128BigEndian(digest);
        _low = BinaryPrimitives.ReadUInt128BigEndian(digest[16..]);
    }

    /// <summary>The digest of encoded bytes.</summary>
    public static PictureDigest Of(ReadOnlySpan<byte> encoded)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(encoded, digest);
        return new PictureDigest(digest);
    }

    /// <summary>Writes the 32 bytes.</summary>
    public void CopyTo(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt128BigEndian(target, _high);
        BinaryPrimitives.WriteUInt128BigEndian(target[16..], _low);
    }
}
