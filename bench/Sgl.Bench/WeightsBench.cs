using Sgl.Inference;

namespace Sgl.Bench;

/// <summary>8-bit weights against float32, both engines in this process.</summary>
internal static class WeightsBench
{
    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        await using var rounded = await subject.OwnEngineAsync("int8");
        await using var exact = await subject.OwnEngineAsync("float32");
        var section = new Section(
            "8-bit weights against float32",
            $"time with 8 bits / time with float32; goal for a tile: at most {1 / 1.8:0.00}. Weights: {rounded.Model.Weights.Bytes >> 20} MiB ({rounded.Model.Weights}) against {exact.Model.Weights.Bytes >> 20} MiB",
            ["what", "float32, ms", "8 bits, ms", "ratio"]);
        foreach (var (name, prompt) in await subject.PromptsAsync(large: false, rounded))
        {
            var s = await Measuring.InterleavedAsync(
                options.Rounds,
                () => Measuring.PhasesAsync(exact, prompt, Measuring.Tokens(options.Tokens)),
                () => Measuring.PhasesAsync(rounded, prompt, Measuring.Tokens(options.Tokens)));
            Add($"prefill, {name}", s, p => p.Prefill);
            Add($"{options.Tokens - 1} decode steps behind {name}", s, p => p.Decode);
        }

        var tower = await Measuring.InterleavedAsync(options.Rounds, () => TileAsync(exact, subject), () => TileAsync(rounded, subject));
        Add("one tile through the tower", [.. tower.Select(t => t.Select(c => new Phases(c, default, default)).ToArray())], p => p.Prefill);
        return section;

        void Add(string what, Phases[][] samples, Func<Phases, Cost> phase)
        {
            Cost[] one = [.. samples[0].Select(phase)], other = [.. samples[1].Select(phase)];
            section.Row(what, Measuring.Milliseconds(one), Measuring.Milliseconds(other), Measuring.Ratio(other, one));
            section.Figure($"int8 / float32: {what}", Measuring.MedianRatio(other, one));
        }
    }

    /// <summary>One tile that no cache knows.</summary>
    public static async Task<Cost> TileAsync(VlmEngine engine, Subject subject)
    {
        var begin = Cost.Now();
        await engine.EncodeAsync(subject.Tile(), CancellationToken.None);
        return Cost.Now() - begin;
    }
}
