using Sgl.Guidance;

namespace Sgl.Bench;

/// <summary>The consistency pass against the whole small inference.</summary>
internal static class ConsistencyBench
{
    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var engine = await subject.EngineAsync(large: false);
        var section = new Section(
            $"Consistency pass over 5 % of the visual tokens ({options.Tokens} tokens generated)",
            "pass / whole small inference, goal: at most 0.10. The whole is vision tower, prefill and decode; tower: one tile measured in each round, times the tiles",
            ["prompt", "tower, ms", "prefill, ms", "decode, ms", "pass, ms", "of prefill and decode", "of the whole"]);
        foreach (var (name, prompt) in await subject.PromptsAsync(large: false))
        {
            var request = Measuring.Tokens(options.Tokens) with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.05 };
            var samples = (await Measuring.InterleavedAsync(options.Rounds, async () =>
                (Tower: await Measuring.TowerAsync(engine, subject, prompt), Phases: await Measuring.PhasesAsync(engine, prompt, request))))[0];
            Cost[] pass = [.. samples.Select(s => s.Phases.Consistency)];
            Cost[] language = [.. samples.Select(s => s.Phases.Prefill + s.Phases.Decode)];
            section.Row(
                name, Measuring.Milliseconds(samples.Select(s => s.Tower)), Measuring.Milliseconds(samples.Select(s => s.Phases.Prefill)),
                Measuring.Milliseconds(samples.Select(s => s.Phases.Decode)), Measuring.Milliseconds(pass),
                Measuring.Ratio(pass, language), Measuring.Ratio(pass, [.. samples.Select(s => s.Tower + s.Phases.Prefill + s.Phases.Decode)]));
            section.Figure($"consistency / whole: {name}", Measuring.MedianRatio(pass, [.. samples.Select(s => s.Tower + s.Phases.Prefill + s.Phases.Decode)]));
        }

        return section;
    }
}
