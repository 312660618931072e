namespace Sgl.Inference.Internal.Runtime.Cuda;

/// <summary>Work of a GPU's stream that was written down once, and is asked for as a whole. It reads and writes the addresses that it was captured with.</summary>
internal sealed class CudaGraph : IDisposable
{
    private readonly CudaDevice _device;
    private nint _graph;

    private CudaGraph(CudaDevice device, nint graph) => (_device, _graph) = (device, graph);

    /// <summary>Captures what is asked for on a GPU's stream; nothing of it runs. Nobody else may use the stream meanwhile.</summary>
    /// <param name="device">The GPU.</param>
    /// <param name="work">Asks for it, on this thread. It may neither wait nor copy from or to the system's memory.</param>
    /// <exception cref="CudaException">It did, or the runtime cannot capture it.</exception>
    public static CudaGraph Capture(CudaDevice device, Action work)
    {
        CudaRuntime.BeginCapture(device.Id.Index, device.Stream);
        try
        {
            work();
        }
        catch
        {
            CudaRuntime.AbandonCapture(device.Id.Index, device.Stream);
            throw;
        }

        return new CudaGraph(device, CudaRuntime.EndCapture(device.Id.Index, device.Stream));
    }

    /// <summary>Asks for it, in the stream's order.</summary>
    public void Launch() => CudaRuntime.LaunchGraph(_device.Id.Index, _graph, _device.Stream);

    public void Dispose()
    {
        if (_graph != 0)
        {
            CudaRuntime.DestroyGraph(_device.Id.Index, _graph);
            _graph = 0;
        }
    }
}
