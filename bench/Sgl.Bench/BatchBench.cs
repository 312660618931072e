using Sgl.Inference;

namespace Sgl.Bench;

/// <summary>Decoding of eight sequences in one batch, against one by one.</summary>
internal static class BatchBench
{
    private const int Sequences = 8;

    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var engine = await subject.EngineAsync(large: true);
        var section = new Section(
            $"{Sequences} sequences decoded in one batch, against one by one", "cost of a token alone / together, while all of them decode",
            ["prompt", "alone, tokens/s", "together, tokens/s", "ratio"]);
        // One length is enough: nine prefills of a long prompt per round would take most of the time.
        foreach (var (name, prompt) in (await subject.PromptsAsync(large: true)).Take(1))
        {
            var s = await Measuring.InterleavedAsync(options.Rounds, () => AloneAsync(engine, prompt, options.Tokens), () => TogetherAsync(engine, prompt, options.Tokens));
            section.Figure($"together / alone: a token of {Sequences} sequences, {name}", Measuring.MedianRatio(s[1], s[0]));
            section.Row(name, $"{Measuring.Median(s[0].Select(c => 1 / c.Wall)):0.00}", $"{Measuring.Median(s[1].Select(c => 1 / c.Wall)):0.00}", Measuring.Ratio(s[0], s[1]));
        }

        return section;
    }

    /// <summary>Cost of one token.</summary>
    private static async Task<Cost> AloneAsync(VlmEngine engine, PreparedPrompt prompt, int tokens) =>
        (await Measuring.PhasesAsync(engine, prompt, Measuring.Tokens(tokens))).Decode * (1.0 / (tokens - 1));

    public static async Task<Cost> TogetherAsync(VlmEngine engine, PreparedPrompt prompt, int tokens)
    {
        // Prompts come in one by one between decode steps: the first sequences run so much longer that all eight overlap for the wanted steps.
        var times = await Task.WhenAll(Enumerable.Range(0, Sequences).Select(_ => Task.Run(() => TimesAsync(engine, prompt, tokens + Sequences))));
        var begin = times.MaxBy(t => t[0].Wall)![0];
        var end = times.MinBy(t => t[^1].Wall)![^1];
        return (end - begin) * (1.0 / times.Sum(t => t.Count(x => x.Wall > begin.Wall && x.Wall <= end.Wall)));
    }

    /// <summary>When each token came.</summary>
    private static async Task<List<Cost>> TimesAsync(VlmEngine engine, PreparedPrompt prompt, int tokens)
    {
        var times = new List<Cost>();
        await foreach (var generated in engine.GenerateAsync(prompt, Measuring.Tokens(tokens), CancellationToken.None))
        {
            if (generated is GenerationEvent.Token)
            {
                times.Add(Cost.Now());
            }
        }

        return times;
    }
}
