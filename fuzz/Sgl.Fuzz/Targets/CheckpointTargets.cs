using System.Reflection;
using System.Text;
using Sgl.Fuzz.Internal;
using Sgl.Models;
using Sgl.TestKit;

namespace Sgl.Fuzz;

/// <summary>Safetensors files: the header, and that each tensor's bytes can be read.</summary>
internal sealed class SafetensorsTarget : IFuzzTarget
{
    private readonly Scratch _scratch = new();

    public string Name => "safetensors";

    public CaseBounds Bounds => new(TimeSpan.FromSeconds(5), 512L << 20);

    public IReadOnlyList<string> Dictionary => ["\"dtype\":\"F32\"", "\"shape\":[", "\"data_offsets\":[0,4]", "__metadata__", "BF16", "9223372036854775807", "-1", "\\ud800", "}}"];

    /// <summary>A file of a header and so many bytes of data.</summary>
    public static byte[] Of(string header, int data) => [.. BitConverter.GetBytes((ulong)Encoding.UTF8.GetByteCount(header)), .. Encoding.UTF8.GetBytes(header), .. new byte[data]];

    public Task<IReadOnlyList<Seed>> OpenAsync() => Task.FromResult<IReadOnlyList<Seed>>(
    [
        new("three", Of("""{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]},"c":{"dtype":"F16","shape":[],"data_offsets":[22,24]}}""", 24)),
        new("none", Of("{}", 0)),
        new("empty tensor", Of("""{"a":{"dtype":"I64","shape":[0,7],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}}   """, 5)),
        new("pointer", Encoding.UTF8.GetBytes("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n")),
    ]);

    public Task<bool> RunAsync(Seed seed, byte[] bytes)
    {
        _scratch.Write("model.safetensors", bytes);
        try
        {
            using var store = TensorStore.OpenFile(_scratch.File("model.safetensors"));
            foreach (var entry in store.Entries)
            {
                var read = 0L;
                foreach (var b in store.Bytes(entry))
                {
                    read += b | 1;
                }

                GC.KeepAlive(read);
            }

            return Task.FromResult(true);
        }
        catch (CheckpointException e) when (e.Problems.Count > 0)
        {
            return Task.FromResult(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        _scratch.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>The JSON files of a checkpoint folder, one changed at a time: configuration, index, generation, images, tokenizer.</summary>
internal sealed class ConfigTarget : IFuzzTarget
{
    private static readonly string[] Changed = ["config.json", "generation_config.json", "preprocessor_config.json", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json"];
    private static readonly string Demo = Corpus.Folder("models/sgl-demo-small");
    private readonly Scratch _scratch = new();

    public string Name => "config";

    public CaseBounds Bounds => new(TimeSpan.FromSeconds(10), 1L << 30);

    public IReadOnlyList<string> Dictionary =>
        ["-1", "0", "1e400", "1e-400", "9223372036854775808", "2147483647", "null", "true", "\"\"", "[]", "{}", "\"\\ud800\"", "3.5", "[[]]", "[1,2,3]", ",", ":", "\"vocab_size\"", "\"rope_scaling\"", "\"type\":\"mrope\""];

    public Task<IReadOnlyList<Seed>> OpenAsync() => Task.FromResult<IReadOnlyList<Seed>>(
    [
        .. typeof(RealConfigs).GetProperties(BindingFlags.Public | BindingFlags.Static).Where(p => p.PropertyType == typeof(string))
            .Select(p => new Seed($"config.json/{p.Name}", Encoding.UTF8.GetBytes((string)p.GetValue(null)!))),
        .. Changed.Where(f => File.Exists(Path.Combine(Demo, f))).Select(f => new Seed(f, File.ReadAllBytes(Path.Combine(Demo, f)))),
        new("model.safetensors.index.json", Encoding.UTF8.GetBytes("""{"metadata":{"total_size":8},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}""")),
    ]);

    public Task<bool> RunAsync(Seed seed, byte[] bytes)
    {
        var file = seed.Name.Split('/')[0];
        _scratch.Restore(Demo);
        _scratch.Replace(file, bytes);
        if (seed.Name.Contains('/', StringComparison.Ordinal) || file.EndsWith(".index.json", StringComparison.Ordinal))
        {
            // Without the demo's own weights: these say nothing about other families, nor does an index beside a whole file.
            File.Delete(_scratch.File("model.safetensors"));
            _scratch.Write("model-00001-of-00002.safetensors", SafetensorsTarget.Of("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4));
            _scratch.Write("model-00002-of-00002.safetensors", SafetensorsTarget.Of("""{"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4));
        }

        try
        {
            Checkpoint.Open(_scratch.Path).Dispose();
            return Task.FromResult(true);
        }
        catch (CheckpointException e) when (e.Problems.Count > 0 && e.Problems.All(p => p.Expected.Length > 0 && p.Found.Length > 0))
        {
            return Task.FromResult(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        _scratch.Dispose();
        return ValueTask.CompletedTask;
    }
}
