using Sgl.TestKit;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Inference.Tests;

/// <summary>Stop strings and streamed text, with the tokenizer of the committed demo model.</summary>
public class StopStringTests
{
    private const int NewTokens = 24;

    [Fact]
    public async Task GenerateAsync_StopString_EndsTheAnswerInFrontOfIt()
    {
        await using var engine = await LoadAsync();
        var prompt = await PrepareAsync(engine);
        var whole = await RunAsync(engine, prompt, Sampling([]));
        Assert.True(whole.Result.Text.Length >= 3, $"'{whole.Result.Text}' is too short for this test");
        Assert.Equal(whole.Result.Text, whole.Streamed.Trim());
        for (var at = 1; at < whole.Result.Text.Length - 1; at++)
        {
            var stop = whole.Result.Text.Substring(at, 2);
            var stopped = await RunAsync(engine, prompt, Sampling(["no such text", stop]));
            Assert.Equal(whole.Result.Text[..whole.Result.Text.IndexOf(stop, StringComparison.Ordinal)].Trim(), stopped.Result.Text);
            Assert.Equal(FinishReason.Stop, stopped.Result.FinishReason);
            Assert.Equal(stopped.Result.Text, stopped.Streamed.Trim());
        }
    }

    private static SamplingOptions Sampling(string[] stops) => new() { MaxNewTokens = NewTokens, MinNewTokens = NewTokens, StopStrings = stops };

    private static Task<VlmEngine> LoadAsync() =>
        VlmEngine.LoadAsync(new EngineOptions { Checkpoint = Path.Combine(SharedData.RepositoryRoot, "models", "sgl-demo-small"), KvBudgetMiB = 256 });

    private static Task<PreparedPrompt> PrepareAsync(VlmEngine engine)
    {
        var input = new PromptInput
        {
            Images = [new RgbImage(120, 120, new byte[120 * 120 * 3])],
            Messages = [new ChatMessage(ChatRole.User, [new ChatPart.Image(0), new ChatPart.Text("How many boxes are there?")])],
        };
        return engine.PrepareAsync(input, CancellationToken.None);
    }

    private static async Task<(GenerationResult Result, string Streamed)> RunAsync(VlmEngine engine, PreparedPrompt prompt, SamplingOptions sampling)
    {
        var streamed = "";
        await foreach (var generated in engine.GenerateAsync(prompt, new GenerationOptions { Sampling = sampling }, CancellationToken.None))
        {
            switch (generated)
            {
                case GenerationEvent.Token token:
                    streamed += token.Text;
                    break;
                case GenerationEvent.Completed completed:
                    return (completed.Result, streamed);
            }
        }

        throw new InvalidOperationException("the engine ended without a result");
    }
}
