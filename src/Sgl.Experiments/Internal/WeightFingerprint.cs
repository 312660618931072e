using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Sgl.Experiments.Internal;

/// <summary>
/// Tells the weights of a checkpoint folder from others of the same name, so that a run is not continued with other weights.
/// Reads blocks spread over each file, not all of it: tens of gigabytes would take minutes.
/// </summary>
internal static class WeightFingerprint
{
    private const int Block = 1 << 16;
    private const int Blocks = 64;
    private const int HexDigits = 12;

    /// <summary>A few hexadecimal digits.</summary>
    public static string Of(string folder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[Block];
        foreach (var path in Directory.EnumerateFiles(folder, "*.safetensors").Order(StringComparer.Ordinal))
        {
            using var file = File.OpenRead(path);
            hash.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(path)));
            BinaryPrimitives.WriteInt64LittleEndian(buffer, file.Length);
            hash.AppendData(buffer, 0, sizeof(long));
            var step = Math.Max(Block, (file.Length - Block) / (Blocks - 1));
            for (var at = 0L; at < file.Length; at += step)
            {
                file.Position = at;
                hash.AppendData(buffer, 0, file.ReadAtLeast(buffer, Block, throwOnEndOfStream: false));
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..HexDigits];
    }
}
