using Sgl.Guidance;

namespace Sgl.Bench;

/// <summary>The small model with and without importance.</summary>
internal static class ImportanceBench
{
    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var engine = await subject.EngineAsync(large: false);
        var section = new Section(
            $"Small model with importance, against without ({options.Tokens} tokens generated)", "with / without, goal: at most 1.10 for all",
            ["prompt", "prefill without, ms", "with", "decode without, ms", "with", "prefill ratio", "decode ratio", "all"]);
        foreach (var (name, prompt) in await subject.PromptsAsync(large: false))
        {
            var plain = Measuring.Tokens(options.Tokens);
            var s = await Measuring.InterleavedAsync(
                options.Rounds,
                () => Measuring.PhasesAsync(engine, prompt, plain),
                () => Measuring.PhasesAsync(engine, prompt, plain with { Importance = new ImportanceOptions() }));
            Cost[][] prefill = [.. s.Select(v => v.Select(p => p.Prefill).ToArray())];
            Cost[][] decode = [.. s.Select(v => v.Select(p => p.Decode).ToArray())];
            Cost[][] all = [.. s.Select(v => v.Select(p => p.Prefill + p.Decode).ToArray())];
            section.Row(
                name, Measuring.Milliseconds(prefill[0]), Measuring.Milliseconds(prefill[1]), Measuring.Milliseconds(decode[0]), Measuring.Milliseconds(decode[1]),
                Measuring.Ratio(prefill[1], prefill[0]), Measuring.Ratio(decode[1], decode[0]), Measuring.Ratio(all[1], all[0]));
            section.Figure($"with / without importance: {name}", Measuring.MedianRatio(all[1], all[0]));
        }

        return section;
    }
}
