using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>
/// The runtime's process-wide state: one thread pool for all sessions, without spinning (sessions of several engines would spin
/// against each other), and one arena.
/// </summary>
internal static class OrtHost
{
    private static readonly Lock Gate = new();
    private static bool _created;

    /// <summary>Memory that the engine itself can read.</summary>
    public static OrtMemoryInfo Cpu => OrtMemoryInfo.DefaultInstance;

    /// <summary>Creates the environment; the first caller's thread count holds for the process.</summary>
    public static void EnsureCreated(int threads)
    {
        lock (Gate)
        {
            if (_created)
            {
                return;
            }

            if (!OrtEnv.IsCreated)
            {
                MemoryPages.ReturnLargeBlocks();
                using var threading = new OrtThreadingOptions
                {
                    GlobalIntraOpNumThreads = threads > 0 ? threads : Environment.ProcessorCount,
                    GlobalInterOpNumThreads = 1,
                    GlobalSpinControl = false,
                };
                var options = new EnvironmentCreationOptions
                {
                    logId = "sgl",
                    logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
                    threadOptions = threading,
                };
                OrtEnv.CreateInstanceWithOptions(ref options);
                OrtEnv.Instance().DisableTelemetryEvents();
            }

            _created = true;
        }
    }

    /// <summary>A tensor over memory that outlives it.</summary>
    public static unsafe OrtValue CpuTensor<T>(nint pointer, long[] shape)
        where T : unmanaged
    {
        var count = shape.Aggregate(1L, (a, b) => a * b);
        return OrtValue.CreateTensorValueWithData(Cpu, ElementTypeOf<T>(), shape, pointer, count * sizeof(T));
    }

    private static TensorElementType ElementTypeOf<T>() =>
        typeof(T) == typeof(float) ? TensorElementType.Float
        : typeof(T) == typeof(long) ? TensorElementType.Int64
        : typeof(T) == typeof(int) ? TensorElementType.Int32
        : throw new NotSupportedException(typeof(T).Name);
}
