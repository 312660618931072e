using Sgl.Evaluation;
using Sgl.Inference;
using Sgl.TestKit;

namespace Sgl.Experiments.Tests;

/// <summary>The committed demo pair, loaded once, and the committed benchmark.</summary>
public sealed class DemoPair : IAsyncLifetime
{
    public const int Layers = 8;

    public EngineSubject Subject { get; private set; } = null!;

    public static Dataset Questions(int count) => Benchmarks.Named("synthetic").Read(
        Path.Combine(SharedData.RepositoryRoot, "benchmarks", "synthetic"), new DatasetOptions { Limit = count });

    public async Task InitializeAsync() => Subject = await LoadAsync();

    public static Task<EngineSubject> LoadAsync(int batch = 1)
    {
        var large = Options("large");
        foreach (var layer in new[] { 0, 1, 3 })
        {
            large.PruneLayers.Add(layer);
        }

        return EngineSubject.LoadAsync(Options("small"), large, null, CancellationToken.None, batch: batch);
    }

    public async Task DisposeAsync() => await Subject.DisposeAsync();

    private static EngineOptions Options(string size) => new() { Checkpoint = Path.Combine(SharedData.RepositoryRoot, "models", $"sgl-demo-{size}"), KvBudgetMiB = 256 };
}
