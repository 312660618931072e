using System.Globalization;
using System.Text.RegularExpressions;
using Sgl.Evaluation;
using Sgl.Guidance;
using Sgl.Policies;

namespace Sgl.Experiments;

/// <summary>The ways of asking the large model that a router offers, among which <see cref="CostCalibrator"/> chooses.</summary>
public static partial class CostCandidates
{
    /// <summary>What a run asks in order to choose: no pruning, the paper's settings, and guided tiles at two of them.</summary>
    /// <param name="layers">L of the large model.</param>
    public static MethodConfiguration[] Methods(int layers) =>
    [
        .. new MethodSelection { Retentions = [64, 35, 18, 9] }.Rows(layers).Concat(new MethodSelection { Methods = [PruningMethod.GuidedTiles], Retentions = [64, 35] }.Rows(layers))
            .Select(r => r.Method).OfType<MethodConfiguration>().DistinctBy(m => m.Key),
    ];

    /// <summary>The candidates that a run holds, all with the questions that every one of them has answered.</summary>
    /// <param name="records">Of a run.</param>
    /// <param name="criterion">Which exit score.</param>
    /// <exception cref="EvaluationException">There is none.</exception>
    public static IReadOnlyList<CostCandidate> Of(IReadOnlyList<ResultRecord> records, ExitCriterion criterion)
    {
        ArgumentNullException.ThrowIfNull(records);
        var answered = records.Where(r => r.Error is null).ToArray();
        var methods = answered.Where(r => Key().IsMatch(r.Method)).GroupBy(r => r.Method).ToArray();
        if (methods.Length == 0)
        {
            throw new EvaluationException("no method in it is one that a router offers: none, sgp or tiles by the small model's whole importance");
        }

        var common = answered.GroupBy(r => (r.Benchmark, r.Id)).Where(g => methods.All(m => g.Any(r => r.Method == m.Key))).Select(g => g.Key).ToHashSet();
        var shared = answered.Where(r => common.Contains((r.Benchmark, r.Id))).ToArray();
        return [.. methods.Select(m => new CostCandidate(m.Key, CalibrationSamples.Of([.. shared.Where(r => r.Method == m.Key || r.Method == ResultRecord.SmallMethod)], criterion, m.Key).Samples))];
    }

    /// <summary>The policy with what its method says about pruning and tiles, as a router reads it.</summary>
    public static PolicyFile Applied(PolicyFile policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        var match = Key().Match(policy.Method ?? "");
        if (!match.Success)
        {
            throw new EvaluationException($"'{policy.Method}' is not a method that a router offers");
        }

        double? Number(string group) => match.Groups[group].Success ? double.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture) : null;
        return policy with
        {
            Prune = Number("ratio") is { } ratio ? [new PolicyPrunePoint { Layer = (int?)Number("layer"), LayerFraction = Number("fraction"), KeepRatio = ratio }] : [],
            Tiles = match.Groups["tiles"].Success ? TilePolicy.Guided : TilePolicy.All,
            TileThreshold = Number("threshold"),
        };
    }

    /// <summary>The choices, for a terminal.</summary>
    public static Table Table(IReadOnlyList<CostChoice> choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        var table = new Table("Cheapest first, at the wanted accuracy", "method", "threshold", "exits", "accuracy", "cost per request");
        foreach (var choice in choices)
        {
            table.Add(
                choice.Method, choice.Threshold.ToString("0.####", CultureInfo.InvariantCulture), choice.ExitRatio.ToString("0.000", CultureInfo.InvariantCulture),
                choice.Accuracy.ToString("0.000", CultureInfo.InvariantCulture), choice.CostPerRequest.ToString("0.#####", CultureInfo.InvariantCulture));
        }

        return table;
    }

    [GeneratedRegex(@"^(none|(sgp|(?<tiles>guidedtiles))-(k(?<layer>\d+)|f(?<fraction>[\d.]+))-r(?<ratio>[\d.]+)(-t(?<threshold>[\d.]+))?)$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Key();
}
