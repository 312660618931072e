using System.Runtime.InteropServices;

namespace Sgl.Inference.Internal.Runtime.Cuda;

/// <summary>The calls of the CUDA runtime that the engine makes itself: memory that several sessions share, copies, and one stream for all sessions of a device.</summary>
internal static partial class CudaRuntime
{
    private const string Library = "libcudart.so.13";
    private const int OutOfMemory = 2;
    private const uint NonBlocking = 1;

    // Other threads, e.g. the vision tower's, may allocate meanwhile.
    private const int ThreadLocal = 1;
    private const int ComputeCapabilityMajor = 75, ComputeCapabilityMinor = 76;

    /// <summary>Direction of a copy.</summary>
    public enum Copy
    {
        /// <summary>From the system's memory to the device's.</summary>
        ToDevice = 1,

        /// <summary>From the device's memory to the system's.</summary>
        ToHost = 2,

        /// <summary>Inside a device's memory.</summary>
        OnDevice = 3,
    }

    /// <summary>GPUs that can be seen; 0 where there is no driver.</summary>
    public static int DeviceCount() => GetDeviceCount(out var count) == 0 ? count : 0;

    /// <summary>Compute capability of a device.</summary>
    public static (int Major, int Minor) ComputeCapability(int device)
    {
        Check(DeviceGetAttribute(out var major, ComputeCapabilityMajor, device), device, "cudaDeviceGetAttribute");
        Check(DeviceGetAttribute(out var minor, ComputeCapabilityMinor, device), device, "cudaDeviceGetAttribute");
        return (major, minor);
    }

    /// <summary>Bytes of a device's memory.</summary>
    public static (long Free, long Total) Memory(int device)
    {
        Use(device);
        Check(MemGetInfo(out var free, out var total), device, "cudaMemGetInfo");
        return ((long)free, (long)total);
    }

    /// <summary>Memory of a device; 0 where it has not so much.</summary>
    public static nint TryAllocate(int device, long bytes)
    {
        Use(device);
        var error = Malloc(out var pointer, (nuint)Math.Max(1, bytes));
        if (error == OutOfMemory)
        {
            // The runtime keeps the error until somebody asks.
            _ = GetLastError();
            return 0;
        }

        Check(error, device, "cudaMalloc");
        return pointer;
    }

    public static void Free(int device, nint pointer)
    {
        // At the end of the process the driver may have gone first; there is nobody to tell then.
        _ = SetDevice(device);
        _ = FreeMemory(pointer);
    }

    /// <summary>Copies, and waits for it where the system's memory takes part.</summary>
    public static void CopyNow(int device, nint target, nint source, long bytes, Copy kind)
    {
        Use(device);
        Check(Memcpy(target, source, (nuint)bytes, (int)kind), device, "cudaMemcpy");
        // From pageable memory the call returns when the source has been read, and streams that do not block would not wait for the rest.
        Check(StreamSynchronize(0), device, "cudaStreamSynchronize");
    }

    public static nint NewStream(int device)
    {
        Use(device);
        Check(StreamCreateWithFlags(out var stream, NonBlocking), device, "cudaStreamCreateWithFlags");
        return stream;
    }

    public static void CopyInOrder(int device, nint target, nint source, long bytes, Copy kind, nint stream)
    {
        Use(device);
        Check(MemcpyAsync(target, source, (nuint)bytes, (int)kind, stream), device, "cudaMemcpyAsync");
    }

    public static void ClearInOrder(int device, nint target, long bytes, nint stream)
    {
        Use(device);
        Check(MemsetAsync(target, 0, (nuint)bytes, stream), device, "cudaMemsetAsync");
    }

    public static void Wait(int device, nint stream)
    {
        Use(device);
        Check(StreamSynchronize(stream), device, "cudaStreamSynchronize");
    }

    public static void BeginCapture(int device, nint stream)
    {
        Use(device);
        Check(StreamBeginCapture(stream, ThreadLocal), device, "cudaStreamBeginCapture");
    }

    /// <summary>A graph that can be launched, of what was captured.</summary>
    public static nint EndCapture(int device, nint stream)
    {
        Use(device);
        Check(StreamEndCapture(stream, out var graph), device, "cudaStreamEndCapture");
        try
        {
            Check(GraphInstantiate(out var executable, graph, 0), device, "cudaGraphInstantiate");
            return executable;
        }
        finally
        {
            _ = GraphDestroy(graph);
        }
    }

    /// <summary>Ends a capture of which nothing is to be kept.</summary>
    public static void AbandonCapture(int device, nint stream)
    {
        _ = SetDevice(device);
        if (StreamEndCapture(stream, out var graph) == 0 && graph != 0)
        {
            _ = GraphDestroy(graph);
        }

        // What broke the capture is known already.
        _ = GetLastError();
    }

    public static void LaunchGraph(int device, nint graph, nint stream)
    {
        Use(device);
        Check(GraphLaunch(graph, stream), device, "cudaGraphLaunch");
    }

    public static void DestroyGraph(int device, nint graph)
    {
        _ = SetDevice(device);
        _ = GraphExecDestroy(graph);
    }

    private static void Use(int device) => Check(SetDevice(device), device, "cudaSetDevice");

    private static void Check(int error, int device, string call)
    {
        if (error != 0)
        {
            throw new CudaException($"{call} on cuda:{device}: {Marshal.PtrToStringUTF8(GetErrorString(error))} (error {error})");
        }
    }

    [LibraryImport(Library, EntryPoint = "cudaGetDeviceCount")]
    private static partial int GetDeviceCount(out int count);

    [LibraryImport(Library, EntryPoint = "cudaSetDevice")]
    private static partial int SetDevice(int device);

    [LibraryImport(Library, EntryPoint = "cudaDeviceGetAttribute")]
    private static partial int DeviceGetAttribute(out int value, int attribute, int device);

    [LibraryImport(Library, EntryPoint = "cudaMemGetInfo")]
    private static partial int MemGetInfo(out nuint free, out nuint total);

    [LibraryImport(Library, EntryPoint = "cudaMalloc")]
    private static partial int Malloc(out nint pointer, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cudaFree")]
    private static partial int FreeMemory(nint pointer);

    [LibraryImport(Library, EntryPoint = "cudaMemcpy")]
    private static partial int Memcpy(nint target, nint source, nuint bytes, int kind);

    [LibraryImport(Library, EntryPoint = "cudaStreamCreateWithFlags")]
    private static partial int StreamCreateWithFlags(out nint stream, uint flags);

    [LibraryImport(Library, EntryPoint = "cudaMemcpyAsync")]
    private static partial int MemcpyAsync(nint target, nint source, nuint bytes, int kind, nint stream);

    [LibraryImport(Library, EntryPoint = "cudaMemsetAsync")]
    private static partial int MemsetAsync(nint target, int value, nuint bytes, nint stream);

    [LibraryImport(Library, EntryPoint = "cudaStreamSynchronize")]
    private static partial int StreamSynchronize(nint stream);

    [LibraryImport(Library, EntryPoint = "cudaStreamBeginCapture")]
    private static partial int StreamBeginCapture(nint stream, int mode);

    [LibraryImport(Library, EntryPoint = "cudaStreamEndCapture")]
    private static partial int StreamEndCapture(nint stream, out nint graph);

    [LibraryImport(Library, EntryPoint = "cudaGraphInstantiate")]
    private static partial int GraphInstantiate(out nint executable, nint graph, ulong flags);

    [LibraryImport(Library, EntryPoint = "cudaGraphLaunch")]
    private static partial int GraphLaunch(nint executable, nint stream);

    [LibraryImport(Library, EntryPoint = "cudaGraphDestroy")]
    private static partial int GraphDestroy(nint graph);

    [LibraryImport(Library, EntryPoint = "cudaGraphExecDestroy")]
    private static partial int GraphExecDestroy(nint executable);

    [LibraryImport(Library, EntryPoint = "cudaGetLastError")]
    private static partial int GetLastError();

    [LibraryImport(Library, EntryPoint = "cudaGetErrorString")]
    private static partial nint GetErrorString(int error);
}

/// <summary>A call of the CUDA runtime failed.</summary>
internal sealed class CudaException(string message) : InvalidOperationException(message);
