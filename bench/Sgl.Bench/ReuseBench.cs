using Sgl.Guidance;
using Sgl.Inference;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Bench;

/// <summary>The second question about a picture against the first: the small model with importance and consistency pass, then the large one at 35 % under its guidance.</summary>
internal static class ReuseBench
{
    private const int Retention = 35;

    private static readonly string[] Questions = ["What is the code in the red box?", "Which month has the highest bar of all in the chart?"];

    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var section = new Section(
            $"The second question about a picture, against the first ({options.Tokens} tokens each)",
            $"preparation, tower, prefill, decode and consistency pass of the small model, then preparation, tower, prefill at {Retention} % and decode of the large one without a draft; a new picture each round",
            ["prompt", "who", "first, ms", "second, ms", "ratio", "rows not run again", "ids as without reuse"]);
        await using var small = await LoadAsync(subject.SmallServed, options);
        var own = subject.SmallServed == subject.LargeServed ? null : await LoadAsync(subject.LargeServed, options);
        await using (own)
        {
            var large = own ?? small;
            foreach (var size in subject.PictureSizes)
            {
                var rounds = new List<Round>();
                for (var i = -1; i < options.Rounds; i++)
                {
                    var round = await RoundAsync(small, large, size, i, options);
                    if (i >= 0)
                    {
                        rounds.Add(round);
                    }
                }

                Row("small", r => r.FirstSmall, r => r.SecondSmall, r => r.CachedSmall);
                Row("large", r => r.FirstLarge, r => r.SecondLarge, r => r.CachedLarge);
                var both = Row("both", r => r.FirstSmall + r.FirstLarge, r => r.SecondSmall + r.SecondLarge, r => r.CachedSmall + r.CachedLarge);
                if (subject.Target != "demo")
                {
                    // Where a picture costs next to nothing, there is nothing to save.
                    section.Figure($"second question / first, {rounds[0].Visual} visual tokens", both);
                }

                double Row(string who, Func<Round, Cost> first, Func<Round, Cost> second, Func<Round, int> cached)
                {
                    Cost[] a = [.. rounds.Select(first)], b = [.. rounds.Select(second)];
                    section.Row(
                        $"{rounds[0].Visual} visual of {rounds[0].Prompt}", who, Measuring.Milliseconds(a), Measuring.Milliseconds(b), Measuring.Ratio(b, a), $"{cached(rounds[0])}",
                        who == "both" ? $"{rounds.Sum(r => r.SameIds)} of {rounds.Count * 2 * options.Tokens}" : "");
                    return Measuring.MedianRatio(b, a);
                }
            }
        }

        return section;
    }

    private static Task<VlmEngine> LoadAsync(string folder, BenchOptions options) =>
        VlmEngine.LoadAsync(new EngineOptions { Checkpoint = folder, KvBudgetMiB = 1024, VisionCacheMiB = 256, PrefixCacheMiB = 768, PrepackWeights = options.Prepack, Weights = options.Weights });

    private static async Task<Round> RoundAsync(VlmEngine small, VlmEngine large, (int Width, int Height) size, int number, BenchOptions options)
    {
        var pixels = new byte[size.Width * size.Height * 3];
        new Random(100 + number).NextBytes(pixels);
        var picture = new RgbImage(size.Width, size.Height, pixels);
        var first = await AskAsync(small, large, picture, Questions[0], options, apart: false);
        var second = await AskAsync(small, large, picture, Questions[1], options, apart: false);
        var cold = await AskAsync(small, large, picture, Questions[1], options, apart: true);
        return new Round(
            second.Small.Usage.VisualTokens, second.Small.Usage.PromptTokens, first.SmallCost, second.SmallCost, first.LargeCost, second.LargeCost,
            second.Small.Usage.CachedPromptTokens, second.Large.Usage.CachedPromptTokens,
            Same(second.Small, cold.Small) + Same(second.Large, cold.Large));
    }

    private static int Same(GenerationResult a, GenerationResult b) => a.TokenIds.Zip(b.TokenIds).TakeWhile(p => p.First == p.Second).Count();

    private static async Task<Answer> AskAsync(VlmEngine small, VlmEngine large, RgbImage picture, string question, BenchOptions options, bool apart)
    {
        // One engine may play both roles; in two services nothing would be shared between them.
        string? Scope(string role) => apart ? "" : role;
        var sampling = Measuring.Tokens(options.Tokens);
        var begin = Cost.Now();
        var s = await RunAsync(small, picture, question, Scope("small"), _ => sampling with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.05 });
        var between = Cost.Now();
        var setting = PruneSchedule.Paper(Retention);
        var l = await RunAsync(large, picture, question, Scope("large"), n => sampling with
        {
            Plan = PrunePlan.Create([new PruneStep(setting.Layer(large.Model.Layers), KeepMask.FromImportance(s.Importance!, setting.KeepRatio))], large.Model.Layers, n),
        });
        return new Answer(s, l, between - begin, Cost.Now() - between);
    }

    private static async Task<GenerationResult> RunAsync(VlmEngine engine, RgbImage picture, string question, string? scope, Func<int, GenerationOptions> options)
    {
        var chat = new ChatMessage(ChatRole.User, [new ChatPart.Image(0), new ChatPart.Text(question)]);
        var prompt = await engine.PrepareAsync(new PromptInput { Images = [picture], Messages = [chat], CacheScope = scope, DropPixels = true }, CancellationToken.None);
        await foreach (var generated in engine.GenerateAsync(prompt, options(prompt.VisualTokenCount), CancellationToken.None))
        {
            if (generated is GenerationEvent.Completed completed)
            {
                return completed.Result;
            }
        }

        throw new InvalidOperationException("the engine ended without a result");
    }

    private sealed record Answer(GenerationResult Small, GenerationResult Large, Cost SmallCost, Cost LargeCost);

    private sealed record Round(int Visual, int Prompt, Cost FirstSmall, Cost SecondSmall, Cost FirstLarge, Cost SecondLarge, int CachedSmall, int CachedLarge, int SameIds);
}
