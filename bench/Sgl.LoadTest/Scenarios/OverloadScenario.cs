using System.Diagnostics;

namespace Sgl.LoadTest;

/// <summary>
/// The peak at fixed concurrency, then a multiple of it as open-loop Poisson arrivals. Goals: goodput of at least 90 % of the peak, and a median of
/// 100 ms for requests that are shed.
/// </summary>
internal sealed class OverloadScenario : IScenario
{
    private const int InFlight = 16;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    public string Name => "overload";

    public string Summary => "the peak, then ten times as much with distinct pictures (--factor)";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        await using var trio = await ServiceTrio.StartAsync(options, cancellationToken: cancellationToken);
        await LoadGenerator.FixedAsync(InFlight, options.Duration, Client(1024, 0).AskAsync, cancellationToken); // code is compiled anew while it warms
        var peak = LoadSummary.Of(await LoadGenerator.FixedAsync(InFlight, options.Duration, Client(1024, 1).AskAsync, cancellationToken), options.Duration);
        section.Add(FormattableString.Invariant($"peak ({InFlight} in flight)"), peak);

        // Made before, so that making pictures is no part of the load; as many as there will be requests, so that no cache knows one.
        var rate = peak.AnsweredPerSecond * options.Factor;
        var many = Client((int)(rate * options.Duration.TotalSeconds * 1.2) + 64, 2);
        var (started, before) = (Stopwatch.GetTimestamp(), CpuTimes());
        var outcomes = await LoadGenerator.OpenAsync(rate, options.Duration, options.Seed, many.AskAsync, cancellationToken);
        var (took, cpu) = (Stopwatch.GetElapsedTime(started), CpuTimes());
        var over = LoadSummary.Of(outcomes, options.Duration);
        section.Add(FormattableString.Invariant($"{options.Factor:0.#} x peak"), over);
        foreach (var (name, time) in cpu)
        {
            section.Note($"cores that the {name} had meanwhile", (time - before[name]) / took);
        }

        foreach (var kind in outcomes.Where(o => o.Ending == Ending.Shed).GroupBy(o => o.Detail))
        {
            section.Note($"shed: {kind.Key}", kind.Count());
        }

        section.Note("shed by the router itself, because it knew a model to be full", await trio.Router.MetricAsync("sgl_router_shed_total", cancellationToken));
        if (over.Shed.Count > 0)
        {
            section.Expect("median of shed requests, ms", over.Shed.Median, most: 100);
        }

        var after = LoadSummary.Of(await LoadGenerator.FixedAsync(InFlight, options.Duration, Client(1024, 3).AskAsync, cancellationToken), options.Duration);
        section.Add("peak again", after);
        section.Expect("goodput over the better peak", over.AnsweredPerSecond / Math.Max(peak.AnsweredPerSecond, after.AnsweredPerSecond), least: 0.9);

        // Where a core is short, the figures tell of that: what the services and the generator had of them belongs to the result.
        Dictionary<string, TimeSpan> CpuTimes() => new()
        {
            ["small"] = trio.Smalls[0].CpuTime,
            ["large"] = trio.Larges[0].CpuTime,
            ["router"] = trio.Router.CpuTime,
            ["generator"] = Environment.CpuUsage.TotalTime,
        };

        RouterClient Client(int pictures, int series) =>
            new(trio.RouterChannel, Pictures.Distinct(pictures, (options.Seed * 16) + series)) { Deadline = Deadline };
    }
}
