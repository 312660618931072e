namespace Sgl.LoadTest;

/// <summary>
/// The peak at fixed concurrency, then a multiple of it as open-loop Poisson arrivals. Goals: goodput of at least 90 % of the peak, and a median of
/// 100 ms for requests that are shed.
/// </summary>
internal sealed class OverloadScenario : IScenario
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    public string Name => "overload";

    public string Summary => "the peak, then ten times as much with distinct pictures (--factor)";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        await using var trio = await ServiceTrio.StartAsync(options, cancellationToken: cancellationToken);
        var client = new RouterClient(trio.RouterChannel, Pictures.Distinct(1024, options.Seed)) { Deadline = Deadline };
        await LoadGenerator.FixedAsync(2, TimeSpan.FromSeconds(3), client.AskAsync, cancellationToken);
        var peak = LoadSummary.Of(await LoadGenerator.FixedAsync(16, options.Duration, client.AskAsync, cancellationToken), options.Duration);
        section.Add("peak (16 in flight)", peak);
        var rate = peak.AnsweredPerSecond * options.Factor;
        var over = LoadSummary.Of(await LoadGenerator.OpenAsync(rate, options.Duration, options.Seed, client.AskAsync, cancellationToken), options.Duration);
        section.Add(FormattableString.Invariant($"{options.Factor:0.#} x peak"), over);
        section.Note("shed by the router itself, because it knew a model to be full", await trio.Router.MetricAsync("sgl_router_shed_total", cancellationToken));
        section.Expect("goodput over peak", over.AnsweredPerSecond / peak.AnsweredPerSecond, least: 0.9);
        if (over.Shed.Count > 0)
        {
            section.Expect("median of shed requests, ms", over.Shed.Median, most: 100);
        }

        var after = LoadSummary.Of(await LoadGenerator.FixedAsync(16, options.Duration, client.AskAsync, cancellationToken), options.Duration);
        section.Add("peak again", after);
    }
}
