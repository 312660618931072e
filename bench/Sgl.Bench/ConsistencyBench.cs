using Sgl.Guidance;

namespace Sgl.Bench;

/// <summary>The consistency pass against the whole small inference.</summary>
internal static class ConsistencyBench
{
    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var engine = await subject.EngineAsync(large: false);
        var section = new Section(
            $"Consistency pass over 5 % of the visual tokens ({options.Tokens} tokens generated)", "pass / (prefill + decode), goal: at most 0.10. The vision tower would make it smaller",
            ["prompt", "prefill, ms", "decode, ms", "pass, ms", "ratio"]);
        foreach (var (name, prompt) in await subject.PromptsAsync(large: false))
        {
            var request = Measuring.Tokens(options.Tokens) with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.05 };
            var s = await Measuring.InterleavedAsync(options.Rounds, async () =>
            {
                var t = (await Measuring.GenerateAsync(engine, prompt, request)).Timings;
                return [t.Prefill.TotalSeconds, t.Decode.TotalSeconds, t.Consistency.TotalSeconds, (t.Prefill + t.Decode).TotalSeconds];
            });
            section.Row(name, Measuring.Milliseconds(s[0]), Measuring.Milliseconds(s[1]), Measuring.Milliseconds(s[2]), Measuring.Ratio(s[2], s[3]));
        }

        return section;
    }
}
