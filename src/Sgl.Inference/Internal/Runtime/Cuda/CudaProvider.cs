using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace Sgl.Inference.Internal.Runtime.Cuda;

/// <summary>Settings of the runtime's CUDA provider for a session, and the memory that all sessions of a GPU share.</summary>
internal static class CudaProvider
{
    /// <summary>Has a session compute on a device.</summary>
    /// <param name="options">The session's options.</param>
    /// <param name="device">The GPU.</param>
    /// <param name="settings">Settings.</param>
    /// <param name="ordered">Whether its runs go on the device's own stream and take work space from its pool; otherwise it has a stream and a pool of its own, and waits at the end of each.</param>
    /// <exception cref="EngineSettingsException">The provider cannot be loaded.</exception>
    public static void Add(SessionOptions options, DeviceId device, CudaOptions settings, bool ordered)
    {
        try
        {
            using var provider = new OrtCUDAProviderOptions();
            var values = new Dictionary<string, string>
            {
                ["device_id"] = device.Index.ToString(CultureInfo.InvariantCulture),
                ["sdpa_kernel"] = settings.SdpaKernel.ToString(CultureInfo.InvariantCulture),
                ["arena_extend_strategy"] = settings.ArenaExtendsByPowers ? "kNextPowerOfTwo" : "kSameAsRequested",
                ["use_ep_level_unified_stream"] = settings.UnifiedStream ? "1" : "0",
            };
            if (ordered)
            {
                values["user_compute_stream"] = CudaDevice.Of(device).Stream.ToString(CultureInfo.InvariantCulture);
            }

            provider.UpdateOptions(values);
            options.AppendExecutionProvider_CUDA(provider);
            if (ordered && settings.SharedArena)
            {
                CudaDevice.Of(device).EnsurePool(settings);
                options.AddSessionConfigEntry("session.use_env_allocators", "1");
            }
        }
        catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException)
        {
            throw new EngineSettingsException($"{device} cannot be used: ONNX Runtime's CUDA provider does not load ({e.Message}). Look at driver, CUDA 13 and cuDNN 9, or place the layers on cpu (Engine:Placement)", e);
        }

        if (settings.DisabledOptimizers.Length > 0)
        {
            options.AddSessionConfigEntry("optimization.disable_specified_optimizers", settings.DisabledOptimizers);
        }
    }
}
