using System.Globalization;
using System.Text.RegularExpressions;
using Sgl.Guidance;
using Sgl.Inference;
using Sgl.TestKit;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>
/// One decoder layer and one vision block of every checkpoint of the paper, at their true widths, through the engine. Weights are sparse files, all zero:
/// attention is then uniform, so the importance of every visual token is known. Slow and large: runs with SGL_SLOW_TESTS=1 only.
/// </summary>
public sealed partial class TrueWidthTests
{
    private const int Vocabulary = 1000;
    private const int ImageToken = 999;

    // Of the second layout of InternVL only those that differ in tower and decoder.
    private static readonly string[] Native = ["InternVL2.5-2B-hf", "InternVL3-38B-hf", "InternVL3.5-1B-hf"];

    public static TheoryData<string> Names =>
        [.. RealShapeTests.Checkpoints.Select(row => (string)row[0]).Where(n => !n.EndsWith("again", StringComparison.Ordinal) && !n.EndsWith("original", StringComparison.Ordinal) && (!n.EndsWith("-hf", StringComparison.Ordinal) || Native.Contains(n)))];

    [SkippableTheory]
    [MemberData(nameof(Names))]
    public async Task GenerateAsync_OneLayerOfTheCheckpoint_UniformAttentionGivesTheKnownImportance(string name)
    {
        Skip.If(Environment.GetEnvironmentVariable("SGL_SLOW_TESTS") != "1", "slow: set SGL_SLOW_TESTS=1");
        var (config, all) = RealShapeTests.Describe(name);
        var rows = VocabularyRows().Match(config[config.LastIndexOf("\"vocab_size\"", StringComparison.Ordinal)..]).Groups[1].Value;
        config = VocabularyRows().Replace(config, $"\"vocab_size\":{Vocabulary}");
        config = DeepStack().Replace(LayerCount().Replace(config, "\"$1\":1"), "$1[0]");
        var tensors = new SpecTensors();
        foreach (var (tensor, shape) in all)
        {
            var layer = LayerIndex().Match(tensor);
            if (!layer.Success || layer.Groups[1].Value == "0")
            {
                var table = shape.Length == 2 && shape[0] >= 32000 && shape[0].ToString(CultureInfo.InvariantCulture) is var count && (count == rows || shape[0] > 30000);
                tensors.Add((tensor, table ? [Vocabulary, shape[1]] : shape));
            }
        }

        using var folder = new TestFolder();
        folder.Text("config.json", config).Weights("model.safetensors", tensors);
        await using var engine = await VlmEngine.LoadAsync(new EngineOptions { Checkpoint = folder.Path, ImageTokenId = ImageToken });
        var visual = engine.Preprocess(new RgbImage(64, 64, new byte[64 * 64 * 3]));
        var tokens = visual.Layout.TokenCount;
        int[] ids = [1, .. Enumerable.Repeat(ImageToken, tokens), 2, 3];
        var prompt = new PreparedPrompt(ids, [new ImageSpan(0, 1, tokens)], [visual]);
        var options = new GenerationOptions
        {
            Sampling = new SamplingOptions { MaxNewTokens = 1, StopTokenIds = [] },
            Importance = new ImportanceOptions { Source = ImportanceSource.Prompt },
        };

        GenerationResult? result = null;
        await foreach (var generated in engine.GenerateAsync(prompt, options, CancellationToken.None))
        {
            result = (generated as GenerationEvent.Completed)?.Result ?? result;
        }

        // The rows from the last visual token on see p + 1 keys each, with equal weights.
        var expected = engine.AttentionHeads * Enumerable.Range(tokens, 3).Sum(p => 1.0 / (p + 1));
        Assert.Equal(1, engine.Model.Layers);
        Assert.All(result!.Importance!, a => Assert.Equal(expected, a, expected * 1e-4));
    }

    [GeneratedRegex("\"vocab_size\": *([0-9]+)")]
    private static partial Regex VocabularyRows();

    [GeneratedRegex("\"(num_hidden_layers|depth)\": *[0-9]+")]
    private static partial Regex LayerCount();

    [GeneratedRegex("(\"deepstack_visual_indexes\": *)\\[[^]]*\\]")]
    private static partial Regex DeepStack();

    [GeneratedRegex(@"\.(?:layers?|blocks|deepstack_merger_list)\.([0-9]+)\.")]
    private static partial Regex LayerIndex();
}
