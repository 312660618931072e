using System.Text.Json;
using Sgl.Inference;
using Sgl.TestKit;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Verification.Tests;

/// <summary>The pairs that come with the repository, from the hub's file layout, through preprocessing, tokenizer, template and engine, against what PyTorch computed when it was exported.</summary>
public class DemoPairParityTests
{
    private const float LogitTolerance = 5e-3f; // the parity file is rounded to four digits and was computed with another BLAS

    [Theory]
    [InlineData("sgl-demo-small", "parity.json", "samples")]
    [InlineData("sgl-demo-large", "parity.json", "samples")]
    [InlineData("sgl-documents-small", "parity-documents.json", "samples/documents")]
    [InlineData("sgl-documents-large", "parity-documents.json", "samples/documents")]
    public async Task GenerateAsync_CheckpointOfTheRepository_MatchesPyTorch(string name, string file, string samples)
    {
        var models = Path.Combine(SharedData.RepositoryRoot, "models");
        using var parity = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(models, file)));
        await using var engine = await VlmEngine.LoadAsync(new EngineOptions { Checkpoint = Path.Combine(models, name) });
        var cases = 0;
        foreach (var expected in parity.RootElement.GetProperty(name).EnumerateArray())
        {
            var image = new ImageDecoder(new ImageDecoderOptions())
                .Decode(await File.ReadAllBytesAsync(Path.Combine(SharedData.RepositoryRoot, samples, expected.GetProperty("image").GetString()!)));
            var input = new PromptInput
            {
                Images = [image],
                Messages = [new ChatMessage(ChatRole.User, [new ChatPart.Text(expected.GetProperty("question").GetString()!)])],
            };
            var prompt = await engine.PrepareAsync(input, CancellationToken.None);

            Assert.Equal(expected.GetProperty("tiles").GetInt32(), prompt.Images[0].Shape[0]);
            Assert.Equal(expected.GetProperty("pixel_sum").GetDouble(), prompt.Images[0].PixelValues.Sum(v => (double)v), 0.5);
            var span = Assert.Single(prompt.Spans);
            Assert.Equal(expected.GetProperty("visual_tokens").GetInt32(), span.Count);
            Assert.Equal(Ints(expected, "prompt_ids_before_visual"), prompt.Ids[..span.Start]);
            Assert.Equal(Ints(expected, "prompt_ids_after_visual"), prompt.Ids[(span.Start + span.Count)..]);
            Assert.All(prompt.Ids[span.Start..(span.Start + span.Count)], id => Assert.Equal(expected.GetProperty("visual_token_id").GetInt32(), id));

            var trace = new GenerationTrace();
            GenerationResult? result = null;
            await foreach (var generated in engine.GenerateAsync(prompt, new GenerationOptions { Trace = trace, Sampling = new SamplingOptions { MaxNewTokens = 32 } }, default))
            {
                result = (generated as GenerationEvent.Completed)?.Result ?? result;
            }

            var logits = expected.GetProperty("first_logits").EnumerateArray().Select(e => e.GetSingle()).ToArray();
            Assert.Equal(logits.Length, trace.StepLogits[0].Length);
            Assert.All(logits.Zip(trace.StepLogits[0]), pair => Assert.InRange(pair.Second - pair.First, -LogitTolerance, LogitTolerance));
            Assert.Equal(Ints(expected, "generated_ids"), result!.TokenIds);
            cases++;
        }

        Assert.True(cases >= 6);
    }

    private static int[] Ints(JsonElement element, string key) => [.. element.GetProperty(key).EnumerateArray().Select(e => e.GetInt32())];
}
