using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Sgl.Inference.Internal.Runtime.Cuda;

/// <summary>What the runtime's CUDA provider needs of the system, looked for before it is loaded: its own message names one library and no remedy.</summary>
internal static class CudaLibraries
{
    private const string Provider = "CUDAExecutionProvider";

    private static readonly (string File, string Of)[] Needed =
    [
        ("libcuda.so.1", "the NVIDIA driver, 580 or later"),
        ("libcudart.so.13", "CUDA 13"),
        ("libcublas.so.13", "CUDA 13"),
        ("libcublasLt.so.13", "CUDA 13"),
        ("libcurand.so.10", "CUDA 13"),
        ("libcudnn.so.9", "cuDNN 9.13 or later for CUDA 13"),
    ];

    // What the provider has code for; a GPU runs code of its own generation up to its own number.
    private static readonly (int Major, int Minor)[] Compiled = [(7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (12, 0)];

    /// <summary>Whether this build has the CUDA provider.</summary>
    public static bool AreBuiltFor => OrtEnv.Instance().GetAvailableProviders().Contains(Provider, StringComparer.Ordinal);

    /// <summary>Throws, with everything that is missing, where a GPU cannot be used.</summary>
    /// <exception cref="EngineSettingsException">Missing libraries with their versions, or devices.</exception>
    public static void Require(IReadOnlyCollection<DeviceId> devices)
    {
        if (!AreBuiltFor)
        {
            throw new EngineSettingsException($"{string.Join(", ", devices)} cannot be used: this build computes on CPUs only. Build with -p:Gpu=true, or place the layers on cpu (Engine:Placement)");
        }

        var missing = Needed.Where(n => !NativeLibrary.TryLoad(n.File, out _)).ToList();
        if (missing.Count > 0)
        {
            throw new EngineSettingsException(
                $"{string.Join(", ", devices)} cannot be used: {string.Join(", ", missing.Select(m => $"{m.File} ({m.Of})"))} cannot be loaded. "
                + "Install what is missing, or name its folder in LD_LIBRARY_PATH, or place the layers on cpu (Engine:Placement)");
        }

        var count = CudaRuntime.DeviceCount();
        if (devices.Where(d => d.Index >= count).ToList() is { Count: > 0 } absent)
        {
            throw new EngineSettingsException(
                $"{string.Join(", ", absent)} cannot be used: {(count == 0 ? "no GPU is visible" : count == 1 ? "only cuda:0 is there" : $"only cuda:0 to cuda:{count - 1} are there")}. "
                + "Name others in Engine:Placement, or look at CUDA_VISIBLE_DEVICES");
        }
    }

    /// <summary>Whether the provider has code for a device; what has none fails at its first kernel, and nowhere else.</summary>
    public static bool HasCodeFor((int Major, int Minor) capability) => Array.Exists(Compiled, c => c.Major == capability.Major && c.Minor <= capability.Minor);
}
