using System.Runtime.InteropServices;

namespace Sgl.Inference.Internal.Runtime.Cuda;

/// <summary>Memory of one GPU, not zeroed.</summary>
internal sealed class DeviceBuffer : SafeHandle
{
    /// <param name="device">The GPU.</param>
    /// <param name="bytes">Length.</param>
    /// <param name="purpose">What it is for, told where there is not so much.</param>
    /// <exception cref="DeviceMemoryException">The device has not so much.</exception>
    public DeviceBuffer(DeviceId device, long bytes, string purpose)
        : base(0, ownsHandle: true)
    {
        Device = device;
        ByteLength = bytes;
        var pointer = CudaRuntime.TryAllocate(device.Index, bytes);
        if (pointer == 0)
        {
            var (free, total) = CudaRuntime.Memory(device.Index);
            throw new DeviceMemoryException(device, purpose, bytes, free, total);
        }

        SetHandle(pointer);
    }

    public DeviceId Device { get; }

    public long ByteLength { get; }

    public nint Pointer => handle;

    public override bool IsInvalid => handle == 0;

    /// <summary>Copies from the system's memory.</summary>
    public void Write(long offset, nint source, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + bytes, ByteLength);
        CudaRuntime.CopyNow(Device.Index, handle + (nint)offset, source, bytes, CudaRuntime.Copy.ToDevice);
    }

    protected override bool ReleaseHandle()
    {
        CudaRuntime.Free(Device.Index, handle);
        return true;
    }
}
