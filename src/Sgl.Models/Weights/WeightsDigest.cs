using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Sgl.Models;

/// <summary>
/// Tells the weights of a checkpoint folder from others of the same name and shapes: replicas of one model, and a run that goes on later.
/// Reads blocks spread over each file, not all of it: tens of gigabytes would take minutes.
/// </summary>
public static class WeightsDigest
{
    private const int Block = 1 << 16;
    private const int Blocks = 64;
    private const int HexDigits = 12;

    /// <summary>12 hexadecimal digits.</summary>
    /// <param name="folder">Checkpoint folder.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
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
