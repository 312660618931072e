using Sgl.Models;

namespace Sgl.Verification.Internal;

/// <summary>Named arrays of one golden file.</summary>
internal sealed class GoldenTensors : IDisposable
{
    private readonly TensorStore _store;

    public GoldenTensors(string path) => _store = TensorStore.OpenFile(path);

    public bool Has(string name) => _store.Contains(name);

    /// <summary>How many arrays of a numbered series there are.</summary>
    public int Count(Func<int, string> name)
    {
        var count = 0;
        while (Has(name(count)))
        {
            count++;
        }

        return count;
    }

    public int[] Shape(string name) => [.. _store[name].Shape.Select(d => (int)d)];

    public float[] Floats(string name) => _store.ReadFloat32(name);

    public byte[] Bytes(string name) => _store.Bytes(_store[name]).ToArray();

    public int[] Ints(string name)
    {
        var entry = _store[name];
        var bytes = _store.Bytes(entry);
        var values = new int[entry.ElementCount];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = entry.DataType switch
            {
                TensorDataType.Int64 => checked((int)BitConverter.ToInt64(bytes[(i * 8)..])),
                TensorDataType.Int32 => BitConverter.ToInt32(bytes[(i * 4)..]),
                _ => throw new GoldenDataException($"{name} holds {entry.DataType}, not integers"),
            };
        }

        return values;
    }

    public void Dispose() => _store.Dispose();
}
