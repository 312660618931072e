using Sgl.Cli.Internal;
using Sgl.Evaluation;
using Sgl.Experiments;
using Sgl.Inference;
using Sgl.Models;
using Sgl.Vision;

namespace Sgl.Cli.Evaluation;

/// <summary>Two checkpoints to be loaded in this process.</summary>
/// <param name="Small">Folder of the small model.</param>
/// <param name="Large">Folder of the large model.</param>
/// <param name="SmallPlacement">Its devices; null: the CPU.</param>
/// <param name="LargePlacement">Its devices; null: the CPU.</param>
/// <param name="Weights">Arithmetic of both on the CPU, as <c>Engine:Weights</c>; null: its default.</param>
internal sealed record PairOfModels(string Small, string Large, string? SmallPlacement = null, string? LargePlacement = null, string? Weights = null)
{
    /// <summary>How both see images.</summary>
    public ImageDecoderOptions Pictures { get; init; } = new();

    /// <summary>L of the large model, known before its weights are loaded.</summary>
    public int LargeLayers()
    {
        using var checkpoint = Checkpoint.Open(Large);
        return checkpoint.Config.Language.Layers;
    }

    /// <summary>Loads both, with a stage border in front of every layer that a method prunes at.</summary>
    public Task<EngineSubject> LoadAsync(Terminal terminal, IEnumerable<MethodConfiguration> methods, CancellationToken cancellationToken)
    {
        var layers = LargeLayers();
        // Every answer is charged with its vision tower, so no earlier question may have paid for it.
        var small = new EngineOptions { Checkpoint = Small, Placement = SmallPlacement ?? "cpu", VisionCacheMiB = 0, PrefixCacheMiB = 0, Weights = Weights ?? "auto" };
        var large = new EngineOptions { Checkpoint = Large, Placement = LargePlacement ?? "cpu", VisionCacheMiB = 0, PrefixCacheMiB = 0, Weights = Weights ?? "auto" };
        foreach (var layer in methods.Select(m => m.Layer(layers)).Where(k => k < layers).Distinct().Order())
        {
            large.PruneLayers.Add(layer);
        }

        return LoadBars.RunAsync(terminal, ["small and large model"], progress => EngineSubject.LoadAsync(small, large, progress[0], cancellationToken, Pictures));
    }
}
