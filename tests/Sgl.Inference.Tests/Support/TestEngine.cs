using Sgl.Guidance;
using Sgl.TestKit;
using Sgl.Text;

namespace Sgl.Inference.Tests.Support;

/// <summary>Engines on a small random checkpoint, and requests for them.</summary>
internal static class TestEngine
{
    public static readonly CheckpointShape Shape = new() { Decoder = DecoderKind.Llama, Layers = 4, TileSize = 28, TowerLayers = 1, Seed = 77, RopeTheta = 10_000 };

    private static readonly Lazy<TemporaryFolder> Folder = new(() =>
    {
        var folder = new TemporaryFolder();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Dispose();
        CheckpointWriter.Write(folder.Path, Shape);
        return folder;
    });

    public static string Checkpoint => Folder.Value.Path;

    /// <summary>KV bytes per token, all layers.</summary>
    public static int BytesPerToken => 2 * Shape.Layers * Shape.KvHeads * Shape.HeadDim * sizeof(float);

    public static Task<VlmEngine> LoadAsync(Action<EngineOptions>? configure = null, TimeProvider? time = null)
    {
        var options = new EngineOptions { Checkpoint = Checkpoint, KvBudgetMiB = 64, ImageTokenId = 3, MaxNewTokens = 4000 };
        configure?.Invoke(options);
        return VlmEngine.LoadAsync(options, time: time);
    }

    /// <summary>Text, random visual features, text.</summary>
    public static PreparedPrompt Prompt(int seed, int before, int visual, int after, Func<int, bool>? allowed = null)
    {
        var random = new Random(seed);
        int Id()
        {
            int id;
            do
            {
                id = random.Next(4, Shape.Vocabulary);
            }
            while (allowed?.Invoke(id) == false);
            return id;
        }

        int[] ids = [.. Enumerable.Range(0, before).Select(_ => Id()), .. Enumerable.Repeat(3, visual), .. Enumerable.Range(0, after).Select(_ => Id())];
        float[] features = [.. Enumerable.Range(0, visual * Shape.Hidden).Select(_ => (random.NextSingle() * 3) - 1.5f)];
        return PreparedPrompt.FromFeatures(ids, visual == 0 ? [] : [new ImageSpan(0, before, visual)], features);
    }

    /// <summary>Exactly so many greedy tokens.</summary>
    public static GenerationOptions Tokens(int count) => new() { Sampling = new SamplingOptions { MaxNewTokens = count, MinNewTokens = 0, StopTokenIds = [] } };

    public static PrunePlan Plan(int visual, params (int Layer, Func<int, bool> Keep)[] steps) => PrunePlan.Create(
        steps.Select(s => new PruneStep(s.Layer, KeepMask.FromIndices(visual, [.. Enumerable.Range(0, visual).Where(s.Keep)]))), Shape.Layers, visual);

    public static async Task<GenerationResult> RunAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options, CancellationToken cancellationToken = default)
    {
        await foreach (var generated in engine.GenerateAsync(prompt, options, cancellationToken))
        {
            if (generated is GenerationEvent.Completed completed)
            {
                return completed.Result;
            }
        }

        throw new InvalidOperationException("the engine ended without a result");
    }

    /// <summary>Starts a generation and returns when its first token is there.</summary>
    public static async Task<RunningGeneration> StartAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options)
    {
        var source = new CancellationTokenSource();
        var first = new TaskCompletionSource();
        var end = Task.Run(async () =>
        {
            try
            {
                GenerationResult? result = null;
                await foreach (var generated in engine.GenerateAsync(prompt, options, source.Token))
                {
                    first.TrySetResult();
                    result = (generated as GenerationEvent.Completed)?.Result ?? result;
                }

                return result!;
            }
            catch (Exception e)
            {
                first.TrySetException(e);
                throw;
            }
        });
        await first.Task.WaitAsync(TimeSpan.FromSeconds(60));
        return new RunningGeneration(source, end);
    }

    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        for (var i = 0; i < 3000; i++)
        {
            if (condition())
            {
                return;
            }

            await Task.Delay(10);
        }

        Assert.Fail($"{what} did not happen within 30 s");
    }
}

/// <summary>A generation under way.</summary>
internal sealed record RunningGeneration(CancellationTokenSource Source, Task<GenerationResult> End)
{
    public async Task CancelAsync()
    {
        await Source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => End);
        Source.Dispose();
    }
}
