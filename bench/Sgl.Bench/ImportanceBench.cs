using Sgl.Guidance;

namespace Sgl.Bench;

/// <summary>The small model with and without importance.</summary>
internal static class ImportanceBench
{
    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var engine = await subject.EngineAsync(large: false);
        var section = new Section(
            $"Small model with importance, against without ({options.Tokens} tokens generated)", "with / without, goal: at most 1.05 for the whole. The whole is vision tower, prefill and decode; tower: one tile measured in each round, times the tiles",
            ["prompt", "tower, ms", "prefill without, ms", "with", "decode without, ms", "with", "prefill ratio", "decode ratio", "prefill and decode", "whole"]);
        foreach (var (name, prompt) in await subject.PromptsAsync(large: false))
        {
            var plain = Measuring.Tokens(options.Tokens);
            var s = await Measuring.InterleavedAsync(
                options.Rounds,
                () => Measuring.PhasesAsync(engine, prompt, plain),
                () => Measuring.PhasesAsync(engine, prompt, plain with { Importance = new ImportanceOptions() }),
                async () => new Phases(await Measuring.TowerAsync(engine, subject, prompt), default, default));
            Cost[][] prefill = [.. s.Take(2).Select(v => v.Select(p => p.Prefill).ToArray())];
            Cost[][] decode = [.. s.Take(2).Select(v => v.Select(p => p.Decode).ToArray())];
            Cost[][] all = [.. s.Take(2).Select(v => v.Select(p => p.Prefill + p.Decode).ToArray())];
            Cost[][] whole = [.. all.Select(v => v.Zip(s[2], (language, tower) => language + tower.Prefill).ToArray())];
            section.Row(
                name, Measuring.Milliseconds(s[2].Select(p => p.Prefill)), Measuring.Milliseconds(prefill[0]), Measuring.Milliseconds(prefill[1]), Measuring.Milliseconds(decode[0]), Measuring.Milliseconds(decode[1]),
                Measuring.Ratio(prefill[1], prefill[0]), Measuring.Ratio(decode[1], decode[0]), Measuring.Ratio(all[1], all[0]),
                Measuring.Ratio(whole[1], whole[0]));
            section.Figure($"with / without importance: {name}", Measuring.MedianRatio(whole[1], whole[0]));
        }

        return section;
    }
}
