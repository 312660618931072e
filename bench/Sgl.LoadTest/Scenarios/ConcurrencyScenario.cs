namespace Sgl.LoadTest;

/// <summary>Throughput and latency of the router at fixed numbers of requests in flight.</summary>
internal sealed class ConcurrencyScenario : IScenario
{
    public string Name => "concurrency";

    public string Summary => "questions about distinct pictures at the router, a fixed number in flight";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        await using var trio = await ServiceTrio.StartAsync(options, cancellationToken: cancellationToken);
        var client = new RouterClient(trio.RouterChannel, Pictures.Distinct(256, options.Seed));
        await LoadGenerator.FixedAsync(2, TimeSpan.FromSeconds(3), client.AskAsync, cancellationToken);
        foreach (var concurrency in options.Concurrency)
        {
            var outcomes = await LoadGenerator.FixedAsync(concurrency, options.Duration, client.AskAsync, cancellationToken);
            section.Add($"{concurrency} in flight", LoadSummary.Of(outcomes, options.Duration));
        }
    }
}
