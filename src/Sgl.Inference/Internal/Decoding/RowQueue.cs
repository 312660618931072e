using System.Runtime.InteropServices;
using Sgl.Guidance;
using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Rows that wait in front of a prune layer until a chunk of them is there: row numbers and hidden state, first in, first out.</summary>
internal interface IRowQueue : IDisposable
{
    /// <summary>Adds the rows of a chunk that a mask keeps; without a mask all of them.</summary>
    void Add(PassRows pass, ChunkRows chunk, KeepMask? mask);

    /// <summary>Adds rows from the system's memory, [rows, width], as far as a mask keeps them.</summary>
    void Add(PassRows pass, ReadOnlySpan<int> rows, ReadOnlySpan<float> hidden, KeepMask? mask);

    /// <summary>Drops the rows that a mask does not keep.</summary>
    void Keep(PassRows pass, KeepMask mask);

    /// <summary>Moves the first rows out, into a chunk.</summary>
    void Take(PassRows pass, ChunkRows chunk, int count);
}

/// <summary>Rows that wait in the system's memory. One lane may add while the next one takes.</summary>
internal sealed class RowQueue(int width) : IRowQueue
{
    private readonly Lock _gate = new();
    private readonly List<int> _rows = [];
    private NativeBuffer _hidden = new(0);

    public void Add(PassRows pass, ReadOnlySpan<int> rows, ReadOnlySpan<float> hidden, KeepMask? mask)
    {
        lock (_gate)
        {
            Reserve(_rows.Count + rows.Length);
            for (var i = 0; i < rows.Length; i++)
            {
                if (Keeps(pass, rows[i], mask))
                {
                    hidden.Slice(i * width, width).CopyTo(Row(_rows.Count));
                    _rows.Add(rows[i]);
                }
            }
        }
    }

    public void Keep(PassRows pass, KeepMask mask)
    {
        lock (_gate)
        {
            var kept = 0;
            for (var i = 0; i < _rows.Count; i++)
            {
                if (Keeps(pass, _rows[i], mask))
                {
                    Row(i).CopyTo(Row(kept));
                    _rows[kept++] = _rows[i];
                }
            }

            _rows.RemoveRange(kept, _rows.Count - kept);
        }
    }

    public void Add(PassRows pass, ChunkRows chunk, KeepMask? mask) => Add(pass, chunk.Rows, chunk.HiddenRows, mask);

    public void Take(PassRows pass, ChunkRows chunk, int count)
    {
        chunk.Begin(pass, count, out var rows, out var hidden);
        lock (_gate)
        {
            CollectionsMarshal.AsSpan(_rows)[..rows.Length].CopyTo(rows);
            _hidden.Span<float>(0, hidden.Length).CopyTo(hidden);
            var left = _rows.Count - rows.Length;
            _hidden.Span<float>((long)hidden.Length * sizeof(float), left * width).CopyTo(_hidden.Span<float>(0, left * width));
            _rows.RemoveRange(0, rows.Length);
        }
    }

    public void Dispose() => _hidden.Dispose();

    /// <summary>Whether a mask lets a row through: text always.</summary>
    public static bool Keeps(PassRows pass, int row, KeepMask? mask) => mask is null || pass.VisualOf(row) is not (>= 0 and var visual) || mask[visual];

    private Span<float> Row(int i) => _hidden.Span<float>((long)i * width * sizeof(float), width);

    private void Reserve(int rows)
    {
        var bytes = (long)rows * width * sizeof(float);
        if (_hidden.ByteLength < bytes)
        {
            var old = _hidden;
            _hidden = new NativeBuffer(Math.Max(bytes, 2 * old.ByteLength));
            old.Span<float>(0, _rows.Count * width).CopyTo(_hidden.Span<float>(0, _rows.Count * width));
            old.Dispose();
        }
    }
}
