using System.Text.Json;
using Sgl.TestKit;

namespace Sgl.Cli.Tests;

public class AskTests
{
    private static readonly string Image = Samples.Image("wide.png");

    [Fact]
    public async Task Ask_ThresholdZero_Exits()
    {
        var answer = await JsonAsync("What word is in the blue box?", "--image", Image, "--threshold", "0");

        Assert.Equal("exit", answer.GetProperty("path").GetString());
        Assert.Equal("score_reached", answer.GetProperty("reason").GetString());
        Assert.Equal("sgl-demo-small", answer.GetProperty("small").GetProperty("model").GetString());
        Assert.False(answer.TryGetProperty("large", out _));
        Assert.False(answer.TryGetProperty("pruning", out _));
        Assert.Equal(answer.GetProperty("visual_token_count").GetInt32(), answer.GetProperty("importance").GetArrayLength());
        Assert.Equal(answer.GetProperty("small").GetProperty("answer").GetString(), answer.GetProperty("answer").GetString());
        Assert.True(answer.GetProperty("total_ms").GetDouble() > 0);
    }

    [Fact]
    public async Task Ask_ThresholdAboveOne_EscalatesWithTheAskedPruning()
    {
        var answer = await JsonAsync("What word is in the blue box?", "--image", Image, "--threshold", "2", "--keep-ratio", "0.5", "--prune-layer", "3");

        Assert.Equal("escalated", answer.GetProperty("path").GetString());
        var decision = answer.GetProperty("decision");
        Assert.Equal("escalate", decision.GetProperty("action").GetString());
        Assert.Equal(2, decision.GetProperty("threshold").GetDouble());
        var scores = decision.GetProperty("scores");
        Assert.Equal(
            scores.GetProperty("decision").GetDouble(),
            (scores.GetProperty("confidence").GetDouble() + scores.GetProperty("consistency").GetDouble()) / 2,
            1e-6);
        var step = Assert.Single(answer.GetProperty("pruning").GetProperty("steps").EnumerateArray());
        var tokens = answer.GetProperty("visual_token_count").GetInt32();
        Assert.Equal(3, step.GetProperty("layer").GetInt32());
        Assert.Equal(tokens / 2, step.GetProperty("kept_visual_token_count").GetInt32());
        Assert.Equal(tokens / 2, answer.GetProperty("large").GetProperty("kept_visual_token_count").GetInt32());
        Assert.Equal((3 + (5 * 0.5)) / 8, answer.GetProperty("pruning").GetProperty("average_retention").GetDouble(), 1e-6);
    }

    [Fact]
    public async Task Ask_GuidedTiles_SaysHowManyWereEncoded()
    {
        var answer = await JsonAsync("What is the code in the red box?", "--image", Samples.Image("large.png"), "--threshold", "2", "--tiles", "guided", "--tile-threshold", "0.5");

        var large = answer.GetProperty("large");
        var (tiles, encoded) = (large.GetProperty("tile_count").GetInt32(), large.GetProperty("encoded_tile_count").GetInt32());
        Assert.InRange(encoded, 2, tiles - 1);
        Assert.Equal(answer.GetProperty("small").GetProperty("tile_count").GetInt32(), tiles);
        Assert.Equal([0, 1], answer.GetProperty("pruning").GetProperty("steps").EnumerateArray().Select(s => s.GetProperty("layer").GetInt32()));
    }

    [Fact]
    public async Task Ask_TwoImages_BothAreInThePrompt()
    {
        var one = await JsonAsync("How many circles are there?", "--image", Image);
        var other = await JsonAsync("How many circles are there?", "--image", Samples.Image("shapes.jpg"));
        var both = await JsonAsync("How many circles are there?", "--image", Image, "--image", Samples.Image("shapes.jpg"));

        Assert.Equal(Tokens(one) + Tokens(other), Tokens(both));

        static int Tokens(JsonElement answer) => answer.GetProperty("visual_token_count").GetInt32();
    }

    [Fact]
    public async Task Ask_NoImage_AnswersFromTextAlone()
    {
        var answer = await JsonAsync("How many circles are there?", "--max-tokens", "4");

        Assert.Equal(0, answer.GetProperty("visual_token_count").GetInt32());
        Assert.InRange(answer.GetProperty("small").GetProperty("generated_token_count").GetInt32(), 1, 4);
    }

    [Fact]
    public async Task Ask_JsonSchema_AnswerIsOfIt()
    {
        using var folder = new TemporaryFolder();
        var (good, bad) = (folder.Combine("good.json"), folder.Combine("bad.json"));
        await File.WriteAllTextAsync(good, """{"type":"object","properties":{"word":{"type":"string","maxLength":8}},"required":["word"]}""");
        await File.WriteAllTextAsync(bad, """{"type":"object","properties":{"word":{"type":"string","pattern":"x"}}}""");

        var answer = await JsonAsync("What word is in the blue box?", "--image", Image, "--json-schema", good);
        var refused = (await SglProcess.RunAsync("ask", "q", "--json-schema", bad)).OneError();
        var missing = (await SglProcess.RunAsync("ask", "q", "--json-schema", folder.Combine("none.json"))).OneError();

        using var word = JsonDocument.Parse(answer.GetProperty("answer").GetString()!);
        Assert.InRange(word.RootElement.GetProperty("word").GetString()!.Length, 0, 8);
        Assert.Contains("properties.word.pattern", refused, StringComparison.Ordinal);
        Assert.Contains("none.json", missing, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ask_AsText_SaysAnswerDecisionAndTimes()
    {
        var run = (await SglProcess.RunAsync("ask", "What word is in the blue box?", "--image", Image, "--threshold", "2")).Succeeded();

        var labels = run.Lines.Where(l => l.Length > 0).Select(l => l.Split(' ')[0]).ToList();
        Assert.Equal(["small", "escalate", "large", "kept", "draft", "time", "answer"], labels);
        Assert.DoesNotContain('\u001b', run.Output);
        Assert.DoesNotContain('\u001b', run.Error);
    }

    [Fact]
    public async Task Ask_UnknownPruneLayer_IsOneErrorThatSaysWhatThereIs()
    {
        var error = (await SglProcess.RunAsync("ask", "q", "--image", Image, "--prune-layer", "99")).OneError();

        Assert.Contains("99", error, StringComparison.Ordinal);
        Assert.Contains("0 to 7", error, StringComparison.Ordinal);
    }

    private static async Task<JsonElement> JsonAsync(params string[] arguments)
    {
        var run = (await SglProcess.RunAsync(["ask", .. arguments, "--json"])).Succeeded();
        using var document = JsonDocument.Parse(run.Output);
        return document.RootElement.Clone();
    }
}
