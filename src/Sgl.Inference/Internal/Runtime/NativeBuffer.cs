using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>Zeroed native memory. Pages that are never touched cost no memory on Linux.</summary>
internal sealed unsafe class NativeBuffer : SafeHandle
{
    public NativeBuffer(long bytes)
        : base(0, ownsHandle: true)
    {
        ByteLength = bytes;
        SetHandle((nint)NativeMemory.AllocZeroed((nuint)Math.Max(1, bytes)));
        if (bytes > 0)
        {
            GC.AddMemoryPressure(bytes);
        }
    }

    /// <summary>Memory of which all will be written: on pages of 2 MiB, where the system has them, it is there in fewer steps.</summary>
    public static NativeBuffer OnLargePages(long bytes)
    {
        var buffer = new NativeBuffer(bytes);
        Sgl.Models.MemoryPages.PreferLarge(buffer.handle, bytes);
        return buffer;
    }

    public long ByteLength { get; }

    public nint Pointer => handle;

    public override bool IsInvalid => handle == 0;

    public Span<T> Span<T>(long byteOffset, int count)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset + ((long)count * sizeof(T)), ByteLength);
        return new Span<T>((byte*)handle + byteOffset, count);
    }

    /// <summary>Copies all of it to <paramref name="target"/>, from a byte of it on.</summary>
    public void CopyTo(NativeBuffer target, long byteOffset)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset + ByteLength, target.ByteLength);
        Buffer.MemoryCopy((void*)handle, (byte*)target.handle + byteOffset, ByteLength, ByteLength);
    }

    /// <summary>Gives back the physical memory, where the system can: the contents are lost, the address stays.</summary>
    public void Discard() => Sgl.Models.MemoryPages.Discard(handle, ByteLength);

    protected override bool ReleaseHandle()
    {
        NativeMemory.Free((void*)handle);
        if (ByteLength > 0)
        {
            GC.RemoveMemoryPressure(ByteLength);
        }

        return true;
    }
}

/// <summary>A native array that grows when asked for more and hands out tensor views of its front.</summary>
internal sealed class Scratch<T> : IDisposable
    where T : unmanaged
{
    private NativeBuffer _buffer = new(0);

    /// <summary>The first <paramref name="count"/> elements; earlier contents are lost when the array had to grow.</summary>
    public Span<T> Span(int count)
    {
        Ensure(count);
        return _buffer.Span<T>(0, count);
    }

    /// <summary>Address of the first of <paramref name="count"/> elements; earlier contents are lost when the array had to grow.</summary>
    public nint Address(int count)
    {
        Ensure(count);
        return _buffer.Pointer;
    }

    /// <summary>A tensor over the first elements. Valid until the array grows or is disposed; the caller disposes the value.</summary>
    public OrtValue Tensor(params long[] shape)
    {
        var count = shape.Aggregate(1L, (a, b) => a * b);
        Ensure(count);
        return OrtHost.CpuTensor<T>(_buffer.Pointer, shape);
    }

    public void Dispose() => _buffer.Dispose();

    private unsafe void Ensure(long count)
    {
        var bytes = count * sizeof(T);
        if (_buffer.ByteLength < bytes)
        {
            var old = _buffer;
            _buffer = new NativeBuffer(Math.Max(bytes, old.ByteLength + (old.ByteLength / 2)));
            old.Dispose();
        }
    }
}
