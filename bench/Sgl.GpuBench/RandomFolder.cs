using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Sgl.TestKit;

namespace Sgl.GpuBench;

/// <summary>A model's true shape with random weights of the size that trained ones have, made on the machine: nobody can carry it there.</summary>
/// <param name="Name">Its name, and its folder's.</param>
/// <param name="Config"><c>config.json</c>.</param>
/// <param name="Tensors">Names and shapes.</param>
internal sealed record RandomFolder(string Name, string Config, IReadOnlyList<(string Name, long[] Shape)> Tensors)
{
    // Rows of the block of random numbers that tensors are filled with, again and again.
    private const int BlockElements = 1 << 22;

    /// <summary>InternVL2-2B.</summary>
    public static RandomFolder TwoB { get; } = new(
        "2b", RealConfigs.InternVl2_2B, new SpecTensors().InternVit(1024, 4096, 24, 1025, sixB: false, 2048).InternLm2(24, 2048, 16, 8, 128, 8192, 92553));

    /// <summary>InternVL2-26B's vision tower, head and eight of its 48 layers.</summary>
    public static RandomFolder EightLayersOf26B { get; } = new(
        "26b-8",
        RealConfigs.InternVl2_26B.Replace("\"num_hidden_layers\":48", "\"num_hidden_layers\":8", StringComparison.Ordinal),
        new SpecTensors().InternVit(3200, 12800, 45, 1025, sixB: true, 6144).InternLm2(8, 6144, 48, 8, 128, 16384, 92553));

    /// <summary>The folder, made if it is not there yet.</summary>
    /// <param name="cache">Where.</param>
    /// <param name="sparse">Whether its weights are a sparse file of zeros.</param>
    public string Make(string cache, bool sparse)
    {
        var folder = Path.GetFullPath(Path.Combine(cache, sparse ? Name + "-sparse" : Name));
        if (!Directory.Exists(folder))
        {
            var partial = folder + ".partial";
            Directory.CreateDirectory(partial);
            File.WriteAllText(Path.Combine(partial, "config.json"), Config);
            Write(Path.Combine(partial, "model.safetensors"), sparse);
            Directory.Move(partial, folder);
        }

        return folder;
    }

    private void Write(string path, bool sparse)
    {
        var header = new JsonObject();
        long offset = 0;
        foreach (var (name, shape) in Tensors)
        {
            var bytes = shape.Aggregate(2L, (a, b) => a * b);
            header[name] = new JsonObject { ["dtype"] = "BF16", ["shape"] = new JsonArray([.. shape.Select(d => (JsonNode)d)]), ["data_offsets"] = new JsonArray(offset, offset + bytes) };
            offset += bytes;
        }

        var json = Encoding.UTF8.GetBytes(header.ToJsonString());
        using var file = File.Create(path);
        file.Write(BitConverter.GetBytes((ulong)json.Length));
        file.Write(json);
        if (sparse)
        {
            file.SetLength(sizeof(ulong) + json.Length + offset);
            return;
        }

        var random = new Random(1);
        float[] block = [.. Enumerable.Range(0, BlockElements).Select(_ => (random.NextSingle() * 2) - 1)];
        var values = new ushort[BlockElements];
        foreach (var (name, shape) in Tensors)
        {
            // Products keep the size of their inputs, as trained ones do; norms are one, what has one dimension beside them nothing.
            var scale = shape.Length == 1 ? 0 : MathF.Sqrt(3f / shape[1..].Aggregate(1L, (a, b) => a * b));
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = shape.Length == 1 ? Constant(name) : (ushort)(BitConverter.SingleToUInt32Bits(block[i] * scale) >> 16);
            }

            for (var left = shape.Aggregate(1L, (a, b) => a * b); left > 0; left -= BlockElements)
            {
                file.Write(MemoryMarshal.AsBytes(values.AsSpan(0, (int)Math.Min(left, BlockElements))));
            }
        }
    }

    /// <summary>1 for weights of norms and layer scales, 0 for biases, in bfloat16.</summary>
    private static ushort Constant(string name) => name.EndsWith(".bias", StringComparison.Ordinal) ? (ushort)0 : (ushort)0x3F80;
}
