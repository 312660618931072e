using Sgl.Guidance;
using Sgl.Inference.Internal.Runtime.Cuda;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding.Devices;

/// <summary>
/// Rows that wait in a GPU's memory. What a stage put out is copied behind what is there, all of it; which rows a mask keeps is only written down, and the next stage gathers them.
/// </summary>
internal sealed class DeviceRowQueue(CudaDevice device, int width, ComputeType type) : IRowQueue
{
    private readonly DeviceRows _memory = new(device, width, type);
    private readonly List<(int Row, int Place)> _waiting = [];
    private int _used;

    public void Add(PassRows pass, ChunkRows chunk, KeepMask? mask)
    {
        if (_waiting.Count == 0)
        {
            _used = 0;
        }

        var place = chunk.Place ?? throw new InvalidOperationException("the chunk is not on a GPU");
        _memory.Reserve(_used + chunk.Count, _used);
        _memory.Write(_used, place, 0, chunk.Count);
        for (var i = 0; i < chunk.Count; i++)
        {
            if (RowQueue.Keeps(pass, chunk.Rows[i], mask))
            {
                _waiting.Add((chunk.Rows[i], _used + i));
            }
        }

        _used += chunk.Count;
    }

    public void Add(PassRows pass, ReadOnlySpan<int> rows, ReadOnlySpan<float> hidden, KeepMask? mask) =>
        throw new NotSupportedException("beginnings of prompts are not kept for stages on a GPU");

    public void Keep(PassRows pass, KeepMask mask) => _waiting.RemoveAll(w => !RowQueue.Keeps(pass, w.Row, mask));

    public void Take(PassRows pass, ChunkRows chunk, int count)
    {
        chunk.Begin(pass, count, out var rows, out _);
        chunk.LieIn(_memory, _used, out var take);
        for (var i = 0; i < count; i++)
        {
            (rows[i], take[i]) = _waiting[i];
        }

        _waiting.RemoveRange(0, count);
    }

    public void Dispose() => _memory.Dispose();
}
