using Sgl.Inference;
using Sgl.Models;

namespace Sgl.Verification.Internal;

/// <summary>Engines of a golden set's checkpoints, loaded once with every prune layer that any case needs.</summary>
internal sealed class EnginePool(string checkpoints, string placement, int prefillChunk, bool warm, IReadOnlyList<GoldenManifest> cases) : IAsyncDisposable
{
    // A golden prompt may be longer than its checkpoint was trained for: what is computed then is just what is to be verified.
    private const int LongestSequence = 1 << 20;

    private readonly Dictionary<string, VlmEngine> _engines = [];

    /// <summary>Whether cases also run behind a beginning that is kept.</summary>
    public bool IsWarm => warm;

    public async Task<VlmEngine> GetAsync(string name, CancellationToken cancellationToken)
    {
        if (!_engines.TryGetValue(name, out var engine))
        {
            var folder = Path.Combine(checkpoints, name);
            var depth = Depth(folder);
            var options = new EngineOptions
            {
                Checkpoint = folder,
                Placement = DevicePlacement.Fit(placement, depth),
                PrefillChunk = prefillChunk,
                Weights = "float32",
                ImageTokenId = cases.First(c => c.SmallCheckpoint == name || c.LargeCheckpoint == name).ImageTokenId,
                KvBudgetMiB = 1024,
                VisionCacheMiB = 0,
                PrefixCacheMiB = warm ? 64 : 0,
                MaxPromptTokens = LongestSequence,
                Threads = 0,
            };
            var layers = cases.Where(c => c.LargeCheckpoint == name).SelectMany(c => c.Large?.Runs ?? []).Select(r => r.PruneLayer).OfType<int>();
            // A prune layer at or behind the last one is never reached: such a run is an unpruned one.
            foreach (var layer in layers.Append(0).Where(l => l < depth).Distinct().Order())
            {
                options.PruneLayers.Add(layer);
            }

            _engines.Add(name, engine = await VlmEngine.LoadAsync(options, cancellationToken: cancellationToken).ConfigureAwait(false));
        }

        return engine;
    }

    private static int Depth(string folder)
    {
        using var checkpoint = Checkpoint.Open(folder);
        return checkpoint.Config.Language.Layers;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in _engines.Values)
        {
            await engine.DisposeAsync().ConfigureAwait(false);
        }
    }
}
