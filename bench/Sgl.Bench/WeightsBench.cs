using Sgl.Inference;

namespace Sgl.Bench;

/// <summary>8- and 4-bit weights against float32, all engines in this process.</summary>
internal static class WeightsBench
{
    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        await using var eight = await subject.OwnEngineAsync("int8");
        await using var four = await subject.OwnEngineAsync("int4");
        await using var exact = await subject.OwnEngineAsync("float32");
        VlmEngine[] rounded = [eight, four];
        var section = new Section(
            "8- and 4-bit weights against float32",
            $"time with fewer bits / time with float32; goal for a tile with 8 bits: at most {1 / 1.8:0.00}. Weights: {exact.Model.Weights.Bytes >> 20} MiB; "
            + string.Join("; ", rounded.Select(e => $"{e.Model.Weights.Bytes >> 20} MiB ({e.Model.Weights})")),
            ["what", "weights", "float32, ms", "fewer bits, ms", "ratio"]);
        foreach (var (name, prompt) in await subject.PromptsAsync(large: false, eight))
        {
            var s = await Measuring.InterleavedAsync(
                options.Rounds,
                [.. new[] { exact, eight, four }.Select(e => (Func<Task<Phases>>)(() => Measuring.PhasesAsync(e, prompt, Measuring.Tokens(options.Tokens))))]);
            Add($"prefill, {name}", s, p => p.Prefill);
            Add($"{options.Tokens - 1} decode steps behind {name}", s, p => p.Decode);
        }

        // The tower has 8 bits with both.
        var tower = await Measuring.InterleavedAsync(options.Rounds, () => TileAsync(exact, subject), () => TileAsync(eight, subject));
        Add("one tile through the tower", [.. tower.Select(t => t.Select(c => new Phases(c, default, default)).ToArray())], p => p.Prefill);
        return section;

        void Add(string what, Phases[][] samples, Func<Phases, Cost> phase)
        {
            Cost[] one = [.. samples[0].Select(phase)];
            foreach (var (engine, cost) in rounded.Zip(samples.Skip(1)))
            {
                Cost[] other = [.. cost.Select(phase)];
                section.Row(what, engine.Model.Weights.Kind, Measuring.Milliseconds(one), Measuring.Milliseconds(other), Measuring.Ratio(other, one));
                section.Figure($"{engine.Model.Weights.Kind} / float32: {what}", Measuring.MedianRatio(other, one));
            }
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
