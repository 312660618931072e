using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Sgl.Inference.Tests.Quantized;

/// <summary>A tensor of a safetensors file that a test writes.</summary>
internal sealed record StoredTensor(string Name, string Type, long[] Shape, byte[] Data)
{
    public static StoredTensor Floats(string name, float[] values, params long[] shape) => new(name, "F32", shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    public static StoredTensor Halves(string name, float[] values, params long[] shape) =>
        new(name, "F16", shape, MemoryMarshal.AsBytes(Array.ConvertAll(values, v => (Half)v).AsSpan()).ToArray());

    public static StoredTensor Ints(string name, int[] values, params long[] shape) => new(name, "I32", shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    /// <summary>Writes a file.</summary>
    public static void Write(string path, IEnumerable<StoredTensor> tensors)
    {
        var list = tensors.ToList();
        var header = new Dictionary<string, object>();
        long at = 0;
        foreach (var tensor in list)
        {
            header[tensor.Name] = new { dtype = tensor.Type, shape = tensor.Shape, data_offsets = new[] { at, at + tensor.Data.Length } };
            at += tensor.Data.Length;
        }

        var json = JsonSerializer.SerializeToUtf8Bytes(header);
        using var file = File.Create(path);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)json.Length);
        file.Write(length);
        file.Write(json);
        list.ForEach(t => file.Write(t.Data));
    }
}
