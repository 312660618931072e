using System.Security.Cryptography;
using Sgl.Evaluation;

namespace Sgl.Experiments;

/// <summary>Tells the data files of a run from others, so that edited questions are not taken for answered ones.</summary>
public static class DataFingerprint
{
    private const int HexDigits = 12;

    /// <summary>A few hexadecimal digits over the contents of the files that the benchmark reads.</summary>
    /// <param name="benchmark">Which.</param>
    /// <param name="path">Its folder, or one data file.</param>
    public static string Of(Benchmark benchmark, string path)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var name in File.Exists(path) ? [path] : benchmark.Files.Select(f => Path.Combine(path, f)).Where(File.Exists))
        {
            using var file = File.OpenRead(name);
            hash.AppendData(SHA256.HashData(file));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..HexDigits];
    }
}
