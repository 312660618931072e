using System.Text;

namespace Sgl.Peers;

/// <summary>
/// Writes a GGUF file, version 3: magic, counts, key-value pairs, tensor infos, data aligned to 32 bytes. Matrices are float16 and random, vectors and position embeddings float32 and 1:
/// random weights cost what trained ones cost.
/// </summary>
internal static class GgufWriter
{
    private const int Alignment = 32;
    private const uint Version = 3, Float32 = 0, Float16 = 1;

    /// <summary>GGUF value types.</summary>
    private enum Kind : uint
    {
        UInt32 = 4,
        Int32 = 5,
        Float32 = 6,
        Bool = 7,
        Text = 8,
        Array = 9,
    }

    /// <summary>Writes a file.</summary>
    /// <param name="path">Where.</param>
    /// <param name="pairs">Keys and values.</param>
    /// <param name="tensors">Names and dimensions, the fastest first.</param>
    public static void Write(string path, IReadOnlyList<(string Key, object Value)> pairs, IReadOnlyList<(string Name, long[] Dims)> tensors)
    {
        using var file = new BinaryWriter(File.Create(path), Encoding.UTF8);
        file.Write("GGUF"u8);
        file.Write(Version);
        file.Write((long)tensors.Count);
        file.Write((long)pairs.Count);
        foreach (var (key, value) in pairs)
        {
            Pair(file, key, value);
        }

        long offset = 0;
        foreach (var (name, dims) in tensors)
        {
            Text(file, name);
            file.Write((uint)dims.Length);
            Array.ForEach(dims, d => file.Write(d));
            file.Write(IsWide(name, dims) ? Float32 : Float16);
            file.Write(offset);
            offset += Padded(Bytes(name, dims));
        }

        Pad(file, file.BaseStream.Position);
        var random = new Random(1);
        var chunk = new byte[1 << 20];
        foreach (var (name, dims) in tensors)
        {
            var bytes = Bytes(name, dims);
            for (long done = 0; done < bytes; done += chunk.Length)
            {
                var part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, bytes - done));
                Fill(part, IsWide(name, dims), random);
                file.Write(part);
            }

            Pad(file, bytes);
        }
    }

    private static void Pair(BinaryWriter file, string key, object value)
    {
        Text(file, key);
        switch (value)
        {
            case string text:
                file.Write((uint)Kind.Text);
                Text(file, text);
                break;
            case uint number:
                file.Write((uint)Kind.UInt32);
                file.Write(number);
                break;
            case float number:
                file.Write((uint)Kind.Float32);
                file.Write(number);
                break;
            case bool flag:
                file.Write((uint)Kind.Bool);
                file.Write(flag);
                break;
            case float[] numbers:
                file.Write((uint)Kind.Array);
                file.Write((uint)Kind.Float32);
                file.Write((long)numbers.Length);
                Array.ForEach(numbers, n => file.Write(n));
                break;
            case string[] texts:
                file.Write((uint)Kind.Array);
                file.Write((uint)Kind.Text);
                file.Write((long)texts.Length);
                Array.ForEach(texts, t => Text(file, t));
                break;
            case int[] numbers:
                file.Write((uint)Kind.Array);
                file.Write((uint)Kind.Int32);
                file.Write((long)numbers.Length);
                Array.ForEach(numbers, n => file.Write(n));
                break;
            default:
                throw new InvalidOperationException($"{key} is a {value.GetType()}");
        }
    }

    private static void Text(BinaryWriter file, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        file.Write((long)bytes.Length);
        file.Write(bytes);
    }

    private static void Fill(Span<byte> part, bool wide, Random random)
    {
        if (wide)
        {
            System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(part).Fill(1);
            return;
        }

        // Sign and mantissa random, exponent fixed: between 0.016 and 0.031 on both sides of 0.
        random.NextBytes(part);
        for (var i = 1; i < part.Length; i += 2)
        {
            part[i] = (byte)((part[i] & 0x83) | 0x24);
        }
    }

    private static long Bytes(string name, long[] dims) => dims.Aggregate(1L, (a, b) => a * b) * (IsWide(name, dims) ? 4 : 2);

    // What is added to float32 has to be float32.
    private static bool IsWide(string name, long[] dims) => dims.Length == 1 || name.Contains("position_embd", StringComparison.Ordinal);

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static void Pad(BinaryWriter file, long bytes)
    {
        for (var i = bytes; i < Padded(bytes); i++)
        {
            file.Write((byte)0);
        }
    }
}
