using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;

namespace Sgl.TestKit;

/// <summary>Floating-point types of safetensors files.</summary>
public enum StoredType
{
    Float32,
    Float16,
    BFloat16,
}

/// <summary>Writes checkpoints of random weights in the hub's layout: config.json and one safetensors file, or shards with their index.</summary>
public static class CheckpointWriter
{
    private const int ChunkElements = 1 << 18;

    /// <summary>Writes a folder.</summary>
    /// <param name="folder">Created when missing.</param>
    /// <param name="shape">Sizes and seed.</param>
    /// <param name="type">Stored type of all tensors.</param>
    /// <param name="shards">Number of files; 1 writes <c>model.safetensors</c> without an index.</param>
    /// <param name="change">Changes a tensor's values before they are stored, chunk by chunk; gets its name, the number of the first value and the values.</param>
    public static void Write(string folder, ICheckpointShape shape, StoredType type = StoredType.Float32, int shards = 1, Action<string, long, float[]>? change = null)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), shape.Config(type.ToString().ToLowerInvariant()).ToJsonString());
        var tensors = shape.Tensors();
        if (shards == 1)
        {
            WriteFile(Path.Combine(folder, "model.safetensors"), tensors, shape.Seed, type, change);
            return;
        }

        var map = new JsonObject();
        for (var s = 0; s < shards; s++)
        {
            // Dealt out in turns, so that the tensors of one layer lie in different files.
            var part = tensors.Where((_, i) => i % shards == s).ToList();
            var name = $"model-{s + 1:D5}-of-{shards:D5}.safetensors";
            WriteFile(Path.Combine(folder, name), part, shape.Seed, type, change);
            part.ForEach(t => map[t.Name] = name);
        }

        var index = new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map };
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), index.ToJsonString());
    }

    /// <summary>The values of a tensor as a reader of the stored type sees them.</summary>
    public static float[] Values(TensorPlan tensor, ulong seed, StoredType type)
    {
        var values = new float[tensor.Count];
        new Source(tensor, seed).Fill(values);
        Round(values, type);
        return values;
    }

    private static void WriteFile(string path, IReadOnlyList<TensorPlan> tensors, ulong seed, StoredType type, Action<string, long, float[]>? change)
    {
        var size = type == StoredType.Float32 ? 4 : 2;
        var header = new JsonObject { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        long offset = 0;
        foreach (var tensor in tensors)
        {
            header[tensor.Name] = new JsonObject
            {
                ["dtype"] = type switch { StoredType.Float32 => "F32", StoredType.Float16 => "F16", _ => "BF16" },
                ["shape"] = new JsonArray([.. tensor.Shape.Select(d => (JsonNode)d)]),
                ["data_offsets"] = new JsonArray(offset, offset + (tensor.Count * size)),
            };
            offset += tensor.Count * size;
        }

        var json = Encoding.UTF8.GetBytes(header.ToJsonString());
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
        file.Write(BitConverter.GetBytes((ulong)json.Length));
        file.Write(json);
        foreach (var tensor in tensors)
        {
            var source = new Source(tensor, seed);
            for (long done = 0; done < tensor.Count;)
            {
                var values = new float[(int)Math.Min(ChunkElements, tensor.Count - done)];
                source.Fill(values);
                change?.Invoke(tensor.Name, done, values);
                file.Write(Encode(values, type));
                done += values.Length;
            }
        }
    }

    private static ReadOnlySpan<byte> Encode(float[] values, StoredType type) => type switch
    {
        StoredType.Float32 => MemoryMarshal.AsBytes(values.AsSpan()),
        StoredType.Float16 => MemoryMarshal.AsBytes(Array.ConvertAll(values, v => BitConverter.HalfToUInt16Bits((Half)v)).AsSpan()),
        _ => MemoryMarshal.AsBytes(Array.ConvertAll(values, BFloat16Bits).AsSpan()),
    };

    /// <summary>Rounds values to what a stored type can hold.</summary>
    public static void Round(float[] values, StoredType type)
    {
        for (var i = 0; type != StoredType.Float32 && i < values.Length; i++)
        {
            values[i] = type == StoredType.Float16 ? (float)(Half)values[i] : BitConverter.UInt32BitsToSingle((uint)BFloat16Bits(values[i]) << 16);
        }
    }

    private static ushort BFloat16Bits(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>The values of one tensor, the same whatever file it lies in.</summary>
    private sealed class Source(TensorPlan tensor, ulong seed)
    {
        private ulong _state = Mix(seed, tensor.Name);

        public void Fill(Span<float> values)
        {
            // Uniform numbers of this width have standard deviation 1.
            var width = 2 * MathF.Sqrt(3) * tensor.Deviation;
            for (var i = 0; i < values.Length; i++)
            {
                _state ^= _state << 13;
                _state ^= _state >> 7;
                _state ^= _state << 17;
                values[i] = tensor.Mean + (width * (((_state >> 40) * (1f / (1 << 24))) - 0.5f));
            }
        }

        private static ulong Mix(ulong seed, string name)
        {
            var hash = 14695981039346656037 ^ (seed * 0x9E3779B97F4A7C15);
            foreach (var c in name)
            {
                hash = (hash ^ c) * 1099511628211;
            }

            return hash | 1;
        }
    }
}
