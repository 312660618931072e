using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace Sgl.Inference.Internal.Runtime.Cuda;

/// <summary>
/// What all engines of a process share of a GPU: one stream, on which the runs of decoder stages and heads follow each other without the processor waiting in between, and the pool that
/// these runs take their work space from. Order on the stream is what makes both safe: nothing is overwritten before it was read, although nobody waits.
/// </summary>
internal sealed class CudaDevice
{
    private const string Provider = "CUDAExecutionProvider";
    private const int GrowAsRequested = 1;

    private static readonly Lock Gate = new();
    private static readonly Dictionary<int, CudaDevice> All = [];

    private readonly List<(object Engine, bool Alone)> _users = [];
    private bool _pooled;

    private CudaDevice(DeviceId id)
    {
        Id = id;
        Stream = CudaRuntime.NewStream(id.Index);
        Memory = new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, id.Index, OrtMemType.Default);
    }

    /// <summary>Which one.</summary>
    public DeviceId Id { get; }

    /// <summary>The stream.</summary>
    public nint Stream { get; }

    /// <summary>Where its memory lies, as the runtime names it.</summary>
    public OrtMemoryInfo Memory { get; }

    /// <summary>The GPU of this number.</summary>
    public static CudaDevice Of(DeviceId id)
    {
        lock (Gate)
        {
            if (!All.TryGetValue(id.Index, out var device))
            {
                All.Add(id.Index, device = new CudaDevice(id));
            }

            return device;
        }
    }

    /// <summary>Says that an engine uses it.</summary>
    /// <param name="engine">Who.</param>
    /// <param name="alone">Whether nobody else may, since it captures what is asked for on the stream.</param>
    /// <exception cref="EngineSettingsException">Somebody else does.</exception>
    public void Enter(object engine, bool alone)
    {
        lock (Gate)
        {
            if (_users.Exists(user => user.Engine != engine && (alone || user.Alone)))
            {
                throw new EngineSettingsException($"{Id} is used by another engine of this process, and one of them captures its decode steps: turn Engine:Cuda:Graphs off, or place them on different GPUs (Engine:Placement)");
            }

            _users.Add((engine, alone));
        }
    }

    /// <summary>Says that it does not any more.</summary>
    public void Leave(object engine)
    {
        lock (Gate)
        {
            _users.RemoveAll(user => user.Engine == engine);
        }
    }

    /// <summary>Makes the pool, once.</summary>
    public void EnsurePool(CudaOptions settings)
    {
        lock (Gate)
        {
            if (!_pooled)
            {
                using var memory = new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.ArenaAllocator, Id.Index, OrtMemType.Default);
                using var arena = new OrtArenaCfg(0, settings.ArenaExtendsByPowers ? 0 : GrowAsRequested, -1, -1);
                OrtEnv.Instance().CreateAndRegisterAllocator(Provider, memory, arena, new Dictionary<string, string> { ["device_id"] = Id.Index.ToString(CultureInfo.InvariantCulture) });
                _pooled = true;
            }
        }
    }

    /// <summary>Copies, in the stream's order. From the system's memory: it may be overwritten at once. To it: it is there after <see cref="Wait"/>.</summary>
    public void Copy(nint target, nint source, long bytes, CudaRuntime.Copy kind) => CudaRuntime.CopyInOrder(Id.Index, target, source, bytes, kind, Stream);

    /// <summary>Fills with zeros, in the stream's order.</summary>
    public void Clear(nint target, long bytes) => CudaRuntime.ClearInOrder(Id.Index, target, bytes, Stream);

    /// <summary>Waits until all that was asked for is done.</summary>
    public void Wait() => CudaRuntime.Wait(Id.Index, Stream);
}
