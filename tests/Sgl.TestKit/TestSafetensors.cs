using System.Runtime.InteropServices;
using System.Text.Json;

namespace Sgl.TestKit;

/// <summary>Reads a whole safetensors file for tests: F32, F64, I64, I32, U8 tensors as arrays.</summary>
public sealed class TestSafetensors
{
    private readonly byte[] _file;
    private readonly int _dataStart;
    private readonly Dictionary<string, (string Type, int[] Shape, int Begin, int End)> _tensors = [];

    private TestSafetensors(byte[] file)
    {
        _file = file;
        var headerBytes = checked((int)BitConverter.ToUInt64(file));
        _dataStart = 8 + headerBytes;
        using var header = JsonDocument.Parse(file.AsMemory(8, headerBytes));
        foreach (var entry in header.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__"))
        {
            var offsets = entry.Value.GetProperty("data_offsets");
            _tensors[entry.Name] = (
                entry.Value.GetProperty("dtype").GetString()!,
                [.. entry.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt32())],
                offsets[0].GetInt32(),
                offsets[1].GetInt32());
        }
    }

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    public static TestSafetensors Open(string path) => new(File.ReadAllBytes(path));

    public bool Contains(string name) => _tensors.ContainsKey(name);

    public int[] Shape(string name) => Find(name).Shape;

    public string Type(string name) => Find(name).Type;

    public float[] Floats(string name) => Read<float>(name, "F32");

    public double[] Doubles(string name) => Read<double>(name, "F64");

    public long[] Longs(string name) => Read<long>(name, "I64");

    public int[] Ints(string name) => Read<int>(name, "I32");

    public byte[] Bytes(string name) => Read<byte>(name, "U8");

    private T[] Read<T>(string name, string type)
        where T : unmanaged
    {
        var tensor = Find(name);
        if (tensor.Type != type)
        {
            throw new InvalidOperationException($"The tensor {name} is {tensor.Type}, not {type}.");
        }

        return MemoryMarshal.Cast<byte, T>(_file.AsSpan(_dataStart + tensor.Begin, tensor.End - tensor.Begin)).ToArray();
    }

    private (string Type, int[] Shape, int Begin, int End) Find(string name) =>
        _tensors.TryGetValue(name, out var tensor) ? tensor : throw new KeyNotFoundException($"There is no tensor {name}.");
}
