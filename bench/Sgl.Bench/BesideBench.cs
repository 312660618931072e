using System.Diagnostics;
using Sgl.Inference;

namespace Sgl.Bench;

/// <summary>Whether answers keep flowing while another request's picture is in the vision tower, and what that costs the tower.</summary>
internal static class BesideBench
{
    private const int Streams = 2;

    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var section = new Section(
            $"The vision tower beside {Streams} answers under way", "both share the processors: what each is slowed down by the other",
            ["tokens/s alone", "beside the tower", "share left", "longest gap alone, ms", "beside", "a tile alone, ms", "beside answers", "ratio"]);
        await using var engine = await subject.OwnEngineAsync(new EngineOptions { KvBudgetMiB = 1024, VisionCacheMiB = 0, PrefixCacheMiB = 0 });
        var prompt = (await subject.PromptsAsync(large: false, engine))[0].Prompt;
        var samples = await Measuring.InterleavedAsync(options.Rounds, RoundAsync);
        var rounds = samples[0];
        section.Row(
            $"{Measuring.Median(rounds.Select(r => r.RateAlone)):0.0}", $"{Measuring.Median(rounds.Select(r => r.RateBeside)):0.0}",
            $"**{Measuring.Median(rounds.Select(r => r.RateBeside / r.RateAlone)):0.00}**",
            $"{Measuring.Median(rounds.Select(r => r.GapAlone)) * 1000:0}", $"{Measuring.Median(rounds.Select(r => r.GapBeside)) * 1000:0}",
            $"{Measuring.Median(rounds.Select(r => r.TowerAlone)) * 1000:0}", $"{Measuring.Median(rounds.Select(r => r.TowerBeside)) * 1000:0}",
            $"**{Measuring.Median(rounds.Select(r => r.TowerBeside / r.TowerAlone)):0.00}**");
        section.Figure("decoding alone / beside the tower, tokens/s", Measuring.Median(rounds.Select(r => r.RateAlone / r.RateBeside)));
        return section;

        async Task<Sample> RoundAsync()
        {
            var towerAlone = await TowerAsync();
            using var stop = new CancellationTokenSource();
            var streams = Enumerable.Range(0, Streams).Select(_ => new TokenTimes()).ToList();
            var running = streams.ConvertAll(s => Task.Run(() => s.RunAsync(engine, prompt, stop.Token)));
            await Task.WhenAll(streams.Select(s => s.Begun));
            var begin = Stopwatch.GetTimestamp();
            await Task.Delay(TimeSpan.FromSeconds(towerAlone));
            var middle = Stopwatch.GetTimestamp();
            var towerBeside = await TowerAsync();
            var end = Stopwatch.GetTimestamp();
            await stop.CancelAsync();
            await Task.WhenAll(running);
            return new Sample(
                streams.Sum(s => s.Rate(begin, middle)), streams.Sum(s => s.Rate(middle, end)), streams.Max(s => s.LongestGap(begin, middle)), streams.Max(s => s.LongestGap(middle, end)),
                towerAlone, towerBeside);
        }

        async Task<double> TowerAsync()
        {
            var tile = subject.Tile();
            var start = Stopwatch.GetTimestamp();
            await engine.EncodeAsync(tile, CancellationToken.None);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private readonly record struct Sample(double RateAlone, double RateBeside, double GapAlone, double GapBeside, double TowerAlone, double TowerBeside);
}
