using System.Text.Json.Serialization;

namespace Sgl.LoadTest;

/// <summary>Times of a kind of requests, milliseconds.</summary>
/// <param name="Count">How many.</param>
/// <param name="Median">50 %.</param>
/// <param name="P95">95 %.</param>
/// <param name="P99">99 %.</param>
/// <param name="Max">The longest.</param>
internal sealed record Times(int Count, double Median, double P95, double P99, double Max)
{
    public static Times Of(IEnumerable<TimeSpan> times)
    {
        var sorted = times.Select(t => t.TotalMilliseconds).Order().ToArray();
        return new Times(sorted.Length, At(0.5), At(0.95), At(0.99), At(1));

        // The nearest rank: no value that nobody waited.
        double At(double quantile) => sorted.Length == 0 ? 0 : sorted[Math.Max(0, (int)Math.Ceiling(quantile * sorted.Length) - 1)];
    }
}

/// <summary>Figures of one stretch.</summary>
internal sealed record LoadSummary
{
    public required double Seconds { get; init; }

    public required int Requests { get; init; }

    public required double AnsweredPerSecond { get; init; }

    public required Times Answered { get; init; }

    public required Times FirstToken { get; init; }

    public required Times Shed { get; init; }

    public required int Degraded { get; init; }

    public required int Late { get; init; }

    public required int Failed { get; init; }

    /// <summary>What failed, each kind once.</summary>
    public required IReadOnlyList<string> Failures { get; init; }

    [JsonIgnore]
    public static string Header => "| stretch | requests | answered/s | median ms | p95 | p99 | first token, median | shed | median ms of shed | degraded | late | failed |\n|---|---|---|---|---|---|---|---|---|---|---|---|";

    /// <param name="outcomes">Of the stretch.</param>
    /// <param name="duration">While requests arrived.</param>
    public static LoadSummary Of(IReadOnlyList<Outcome> outcomes, TimeSpan duration)
    {
        var answered = outcomes.Where(o => o.Ending == Ending.Answered).ToList();
        return new LoadSummary
        {
            Seconds = duration.TotalSeconds,
            Requests = outcomes.Count,
            AnsweredPerSecond = answered.Count / duration.TotalSeconds,
            Answered = Times.Of(answered.Select(o => o.Time)),
            FirstToken = Times.Of(answered.Where(o => o.FirstToken is not null).Select(o => o.FirstToken!.Value)),
            Shed = Times.Of(outcomes.Where(o => o.Ending == Ending.Shed).Select(o => o.Time)),
            Degraded = outcomes.Count(o => o.Ending == Ending.Degraded),
            Late = outcomes.Count(o => o.Ending == Ending.Late),
            Failed = outcomes.Count(o => o.Ending == Ending.Failed),
            Failures = [.. outcomes.Where(o => o.Ending == Ending.Failed).Select(o => o.Detail).Distinct().Take(8)],
        };
    }

    public string ToRow(string name) => FormattableString.Invariant(
        $"| {name} | {Requests} | {AnsweredPerSecond:0.0} | {Answered.Median:0} | {Answered.P95:0} | {Answered.P99:0} | {FirstToken.Median:0} | {Shed.Count} | {Shed.Median:0} | {Degraded} | {Late} | {Failed} |");
}
