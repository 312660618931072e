using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests.Prefixes;

/// <summary>An engine that keeps the beginnings of prompts, and one that keeps nothing: what they answer is the same.</summary>
public abstract class WarmAndCold : IAsyncLifetime
{
    protected VlmEngine Warm { get; private set; } = null!;

    protected VlmEngine Cold { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Warm = await LoadAsync(64);
        Cold = await LoadAsync(0);
    }

    public async Task DisposeAsync()
    {
        await Warm.DisposeAsync();
        await Cold.DisposeAsync();
    }

    /// <summary>An engine with a budget of so many MiB for beginnings that may be pruned anywhere.</summary>
    protected Task<VlmEngine> LoadAsync(int prefixes, int? chunk = null) => TestEngine.LoadAsync(o =>
    {
        Configure(o);
        o.PrefixCacheMiB = prefixes;
        o.PrefillChunk = chunk ?? o.PrefillChunk;
        foreach (var layer in Enumerable.Range(0, TestEngine.Shape.Layers))
        {
            o.PruneLayers.Add(layer);
        }
    });

    protected abstract void Configure(EngineOptions options);

    /// <summary>Asks both.</summary>
    /// <param name="prompt">For the one that keeps beginnings.</param>
    /// <param name="again">For the other one.</param>
    /// <param name="options">For both.</param>
    protected async Task<(GenerationResult Cold, GenerationResult Warm)> BothAsync(PreparedPrompt prompt, PreparedPrompt again, GenerationOptions options)
    {
        var (cold, warm) = (await TestEngine.RunAsync(Cold, again, options), await TestEngine.RunAsync(Warm, prompt, options));
        Equal(cold, warm);
        return (cold, warm);
    }

    protected static void Equal(GenerationResult cold, GenerationResult warm)
    {
        Assert.Equal(cold.TokenIds, warm.TokenIds);
        Assert.Equal(cold.Usage.KvLengths, warm.Usage.KvLengths);
        Assert.Equal(
            (cold.Usage.KeptVisualTokens, cold.Usage.AcceptedDraftTokens, cold.Usage.KvBytes), (warm.Usage.KeptVisualTokens, warm.Usage.AcceptedDraftTokens, warm.Usage.KvBytes));
        Assert.Equal(cold.Importance?.Length, warm.Importance?.Length);
        for (var i = 0; i < cold.Importance?.Length; i++)
        {
            Assert.Equal(cold.Importance[i], warm.Importance![i], 1e-5 * (1 + cold.Importance[i]));
        }

        if (cold.Scores is { } scores)
        {
            Assert.Equal(scores.Confidence, warm.Scores!.Confidence, 1e-5);
            Assert.Equal(scores.Consistency, warm.Scores.Consistency, 1e-5);
        }
    }
}
