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
    private const int MostInOneStep = 32;

    /// <summary>How both see images.</summary>
    public ImageDecoderOptions Pictures { get; init; } = new();

    /// <summary>Questions in flight that share work; 1: each answer is computed, and timed, on its own.</summary>
    public int Batch { get; init; } = 1;

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
        var compared = methods.ToArray();
        var small = Options(Small, SmallPlacement, Batch);
        // All methods of a question are asked at once.
        var large = Options(Large, LargePlacement, Batch * compared.Length);
        foreach (var layer in compared.SelectMany(m => m.PruneLayers(layers)).Distinct().Order())
        {
            large.PruneLayers.Add(layer);
        }

        return LoadBars.RunAsync(terminal, ["small and large model"], progress => EngineSubject.LoadAsync(small, large, progress[0], cancellationToken, Pictures, Batch));
    }

    private EngineOptions Options(string folder, string? placement, int inFlight)
    {
        var options = new EngineOptions { Checkpoint = folder, Placement = placement ?? "cpu", Weights = Weights ?? "auto", MaxQueue = Math.Max(64, inFlight) };
        if (Batch == 1)
        {
            // Every answer is charged with its vision tower, so no earlier question may have paid for it.
            (options.VisionCacheMiB, options.PrefixCacheMiB) = (0, 0);
        }
        else
        {
            options.MaxBatch = Math.Clamp(inFlight, options.MaxBatch, MostInOneStep);
        }

        return options;
    }
}
