using Microsoft.ML.OnnxRuntime;
using Sgl.Inference.Internal.Runtime.Cuda;
using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>Makes the sessions of one part of a model (tower, stage, head) from graphs and weights.</summary>
internal sealed class SessionFactory(WeightProvider weights, EngineOptions settings)
{
    internal static readonly Lazy<string> PlaceholderFolder = new(CreatePlaceholder);

    private readonly PackedWeights _packed = weights.NewPacked();

    /// <summary>Arithmetic of graphs on a device.</summary>
    public GraphArithmetic Arithmetic(DeviceId device, ComputeType type) => weights.Arithmetic(device, type);

    /// <summary>Creates a session; weights stay where <see cref="WeightProvider"/> keeps them.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="ordered">On a GPU: see <see cref="CudaProvider.Add"/>.</param>
    public InferenceSession Create(ComputeGraph graph, DeviceId device, bool ordered = false)
    {
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        options.DisablePerSessionThreads();
        // 8 and 4 bits are fast only in the runtime's own order, of which the container keeps one copy for all sessions.
        // On a GPU weights lie as they are computed with, and the system's memory has none of them.
        if (device.IsCuda || (!settings.PrepackWeights && graph.Weights.All(w => w.Part is not (WeightPart.Int8Values or WeightPart.UInt8Values or WeightPart.Blocks4Values or WeightPart.Blocks8Values))))
        {
            options.AddSessionConfigEntry("session.disable_prepacking", "1");
        }

        options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", PlaceholderFolder.Value);
        if (device.IsCuda)
        {
            CudaProvider.Add(options, device, settings.Cuda, ordered);
        }

        if (settings.ProfileFolder.Length > 0)
        {
            // In this order: the switch takes the name along.
            options.ProfileOutputPathPrefix = Path.Combine(settings.ProfileFolder, graph.Name.Replace(' ', '-'));
            options.EnableProfiling = true;
        }

        foreach (var binding in graph.Weights)
        {
            options.AddInitializer(binding.Name, weights.Get(binding, graph.ComputeType, _packed, device, graph.Name));
        }

        return new InferenceSession(graph.ToBytes(), options, _packed.Container);
    }

    /// <summary>Gives back what the runtime has packed into copies of its own. To be called when all sessions are made.</summary>
    public void DiscardPacked() => _packed.DiscardSources();

    /// <summary>The runtime checks that the file behind external weights exists, although every weight is handed over in memory.</summary>
    private static string CreatePlaceholder()
    {
        var folder = Directory.CreateTempSubdirectory("sgl-").FullName;
        File.WriteAllBytes(Path.Combine(folder, ComputeGraph.WeightLocation), []);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    }
}
