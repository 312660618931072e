using Sgl.Guidance;

namespace Sgl.Bench;

/// <summary>The small model with and without importance.</summary>
internal static class ImportanceBench
{
    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var engine = await subject.EngineAsync(large: false);
        var section = new Section(
            $"Small model with importance, against without ({options.Tokens} tokens generated)", "time with / time without, goal: at most 1.10 for all",
            ["prompt", "prefill without, ms", "with", "decode step without, ms", "with", "prefill ratio", "decode ratio", "all"]);
        foreach (var (name, prompt) in await subject.PromptsAsync(large: false))
        {
            var plain = Measuring.Tokens(options.Tokens);
            Func<Task<double[]>> Run(bool importance) => async () =>
            {
                var t = (await Measuring.GenerateAsync(engine, prompt, importance ? plain with { Importance = new ImportanceOptions() } : plain)).Timings;
                return [t.Prefill.TotalSeconds, t.Decode.TotalSeconds / (options.Tokens - 1), (t.Prefill + t.Decode).TotalSeconds];
            };
            var s = await Measuring.InterleavedAsync(options.Rounds, Run(false), Run(true));
            section.Row(
                name, Measuring.Milliseconds(s[0]), Measuring.Milliseconds(s[3]), Measuring.Milliseconds(s[1]), Measuring.Milliseconds(s[4]),
                Measuring.Ratio(s[3], s[0]), Measuring.Ratio(s[4], s[1]), Measuring.Ratio(s[5], s[2]));
        }

        return section;
    }
}
