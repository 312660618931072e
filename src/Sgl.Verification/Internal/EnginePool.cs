using Sgl.Inference;
using Sgl.Models;
using Sgl.Verification.Internal.Judging;

namespace Sgl.Verification.Internal;

/// <summary>Engines of a golden set's checkpoints, loaded once with every prune layer that any case needs.</summary>
internal sealed class EnginePool(string checkpoints, VerificationOptions settings, IReadOnlyList<GoldenManifest> cases) : IAsyncDisposable
{
    // A golden prompt may be longer than its checkpoint was trained for: what is computed then is just what is to be verified.
    private const int LongestSequence = 1 << 20;

    private readonly Dictionary<string, LoadedCheckpoint> _engines = [];
    private readonly Agreement _agreement = new();
    private readonly Noise _noise = Noise.Of(settings.EffectiveType, settings.Weights);

    /// <summary>Whether cases also run behind a beginning that is kept.</summary>
    public bool IsWarm => settings.Warm;

    /// <summary>How choices of all cases so far agree; null where they must be identical.</summary>
    public CaseReport? Agreed => settings.IsExact ? null : _agreement.Report(_noise);

    /// <summary>What compares a model's results.</summary>
    public IJudge Judge(Comparison comparison, LoadedCheckpoint model) =>
        settings.IsExact ? new ExactJudge(comparison) : new RoundedJudge(comparison, _noise, model.TowerLayers, model.Engine.Model.Layers, _agreement);

    public async Task<LoadedCheckpoint> GetAsync(string name, CancellationToken cancellationToken)
    {
        if (!_engines.TryGetValue(name, out var model))
        {
            var folder = Path.Combine(checkpoints, name);
            var (depth, towerLayers) = Depth(folder);
            var options = new EngineOptions
            {
                Checkpoint = folder,
                Placement = DevicePlacement.Fit(settings.Placement, depth),
                PrefillChunk = settings.PrefillChunk,
                Weights = settings.Weights.ToString(),
                Emulates = !settings.OnGpu && settings.EffectiveType != ComputeType.Float32 ? settings.EffectiveType : null,
                ImageTokenId = cases.First(c => c.SmallCheckpoint == name || c.LargeCheckpoint == name).ImageTokenId,
                KvBudgetMiB = 1024,
                VisionCacheMiB = 0,
                PrefixCacheMiB = settings.Warm ? 64 : 0,
                MaxPromptTokens = LongestSequence,
                Threads = 0,
            };
            options.Cuda.ComputeType = settings.OnGpu ? settings.EffectiveType.ToString() : options.Cuda.ComputeType;
            var layers = cases.Where(c => c.LargeCheckpoint == name).SelectMany(c => c.Large?.Runs ?? []).Select(r => r.PruneLayer).OfType<int>();
            // A prune layer at or behind the last one is never reached: such a run is an unpruned one.
            foreach (var layer in layers.Append(0).Where(l => l < depth).Distinct().Order())
            {
                options.PruneLayers.Add(layer);
            }

            _engines.Add(name, model = new LoadedCheckpoint(await VlmEngine.LoadAsync(options, cancellationToken: cancellationToken).ConfigureAwait(false), towerLayers));
        }

        return model;
    }

    private static (int Layers, int TowerLayers) Depth(string folder)
    {
        using var checkpoint = Checkpoint.Open(folder);
        return (checkpoint.Config.Language.Layers, checkpoint.Config.Vision.Layers);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var model in _engines.Values)
        {
            await model.Engine.DisposeAsync().ConfigureAwait(false);
        }
    }
}

/// <summary>A checkpoint's engine, and how deep its vision tower is.</summary>
internal sealed record LoadedCheckpoint(VlmEngine Engine, int TowerLayers);
