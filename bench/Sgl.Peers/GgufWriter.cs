using System.Text;

namespace Sgl.Peers;

/// <summary>
/// Writes a GGUF file, version 3: magic, counts, key-value pairs, tensor infos, data aligned to 32 bytes. Matrices are float16 and random, norms float32 and 1:
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
        Text = 8,
        Array = 9,
    }

    public static void Write(string path, LlamaShape shape)
    {
        using var file = new BinaryWriter(File.Create(path), Encoding.UTF8);
        var tensors = Tensors(shape).ToList();
        var pairs = Pairs(shape).ToList();
        file.Write("GGUF"u8);
        file.Write(Version);
        file.Write((long)tensors.Count);
        file.Write((long)pairs.Count);
        pairs.ForEach(p => Pair(file, p.Key, p.Value));
        long offset = 0;
        foreach (var (name, dims) in tensors)
        {
            Text(file, name);
            file.Write((uint)dims.Length);
            Array.ForEach(dims, d => file.Write(d));
            file.Write(dims.Length == 1 ? Float32 : Float16);
            file.Write(offset);
            offset += Padded(Bytes(dims));
        }

        Pad(file, file.BaseStream.Position);
        var random = new Random(1);
        var chunk = new byte[1 << 20];
        foreach (var (_, dims) in tensors)
        {
            var bytes = Bytes(dims);
            for (long done = 0; done < bytes; done += chunk.Length)
            {
                var part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, bytes - done));
                Fill(part, dims.Length == 1, random);
                file.Write(part);
            }

            Pad(file, bytes);
        }
    }

    private static IEnumerable<(string Name, long[] Dims)> Tensors(LlamaShape s)
    {
        long kv = s.KvHeads * (s.Hidden / s.Heads);
        yield return ("token_embd.weight", [s.Hidden, s.Vocabulary]);
        yield return ("output_norm.weight", [s.Hidden]);
        yield return ("output.weight", [s.Hidden, s.Vocabulary]);
        for (var i = 0; i < s.Layers; i++)
        {
            var blk = $"blk.{i}.";
            yield return (blk + "attn_norm.weight", [s.Hidden]);
            yield return (blk + "ffn_norm.weight", [s.Hidden]);
            yield return (blk + "attn_q.weight", [s.Hidden, s.Hidden]);
            yield return (blk + "attn_k.weight", [s.Hidden, kv]);
            yield return (blk + "attn_v.weight", [s.Hidden, kv]);
            yield return (blk + "attn_output.weight", [s.Hidden, s.Hidden]);
            yield return (blk + "ffn_gate.weight", [s.Hidden, s.Inner]);
            yield return (blk + "ffn_up.weight", [s.Hidden, s.Inner]);
            yield return (blk + "ffn_down.weight", [s.Inner, s.Hidden]);
            if (s.Architecture == "qwen2")
            {
                yield return (blk + "attn_q.bias", [s.Hidden]);
                yield return (blk + "attn_k.bias", [kv]);
                yield return (blk + "attn_v.bias", [kv]);
            }
        }
    }

    private static IEnumerable<(string Key, object Value)> Pairs(LlamaShape s)
    {
        var a = s.Architecture + ".";
        yield return ("general.architecture", s.Architecture);
        yield return ("general.file_type", 1u);
        yield return (a + "context_length", 32768u);
        yield return (a + "embedding_length", (uint)s.Hidden);
        yield return (a + "block_count", (uint)s.Layers);
        yield return (a + "feed_forward_length", (uint)s.Inner);
        yield return (a + "attention.head_count", (uint)s.Heads);
        yield return (a + "attention.head_count_kv", (uint)s.KvHeads);
        yield return (a + "attention.layer_norm_rms_epsilon", 1e-6f);
        yield return (a + "rope.freq_base", 1_000_000f);
        yield return (a + "rope.dimension_count", (uint)(s.Hidden / s.Heads));
        yield return (a + "vocab_size", (uint)s.Vocabulary);
        yield return ("tokenizer.ggml.model", "gpt2");
        yield return ("tokenizer.ggml.pre", "qwen2");
        yield return ("tokenizer.ggml.tokens", Enumerable.Range(0, s.Vocabulary).Select(i => $"t{i}").ToArray());
        yield return ("tokenizer.ggml.token_type", Enumerable.Repeat(1, s.Vocabulary).ToArray());
        yield return ("tokenizer.ggml.merges", new[] { "t 0" });
        yield return ("tokenizer.ggml.bos_token_id", 1u);
        yield return ("tokenizer.ggml.eos_token_id", 2u);
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

    private static void Fill(Span<byte> part, bool norm, Random random)
    {
        if (norm)
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

    private static long Bytes(long[] dims) => dims.Aggregate(1L, (a, b) => a * b) * (dims.Length == 1 ? 4 : 2);

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static void Pad(BinaryWriter file, long bytes)
    {
        for (var i = bytes; i < Padded(bytes); i++)
        {
            file.Write((byte)0);
        }
    }
}
