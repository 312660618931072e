using Sgl.Inference;

namespace Sgl.Verification.Internal;

/// <summary>Engines of a golden set's checkpoints, loaded once with every prune layer that any case needs.</summary>
internal sealed class EnginePool(string checkpoints, string placement, IReadOnlyList<GoldenManifest> cases) : IAsyncDisposable
{
    private readonly Dictionary<string, VlmEngine> _engines = [];

    public async Task<VlmEngine> GetAsync(string name, CancellationToken cancellationToken)
    {
        if (!_engines.TryGetValue(name, out var engine))
        {
            var options = new EngineOptions
            {
                Checkpoint = Path.Combine(checkpoints, name),
                Placement = placement,
                ImageTokenId = cases.First(c => c.SmallCheckpoint == name || c.LargeCheckpoint == name).ImageTokenId,
                KvBudgetMiB = 1024,
                Threads = 0,
            };
            var layers = cases.Where(c => c.LargeCheckpoint == name).SelectMany(c => c.Large?.Runs ?? []).Select(r => r.PruneLayer).OfType<int>();
            foreach (var layer in layers.Append(0).Distinct().Order())
            {
                options.PruneLayers.Add(layer);
            }

            _engines.Add(name, engine = await VlmEngine.LoadAsync(options, cancellationToken: cancellationToken).ConfigureAwait(false));
        }

        return engine;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in _engines.Values)
        {
            await engine.DisposeAsync().ConfigureAwait(false);
        }
    }
}
