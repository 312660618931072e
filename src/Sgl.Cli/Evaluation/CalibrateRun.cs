using System.Globalization;
using Sgl.Cli.Internal;
using Sgl.Evaluation;
using Sgl.Experiments;
using Sgl.Guidance;
using Sgl.Policies;

namespace Sgl.Cli.Evaluation;

/// <summary>One run of <c>sgl calibrate</c>.</summary>
internal sealed class CalibrateRun(Terminal terminal)
{
    /// <summary>The score that decides.</summary>
    public required ExitCriterion Criterion { get; init; }

    /// <summary>Share of requests that shall exit; null: <see cref="Accuracy"/> counts.</summary>
    public double? ExitRatio { get; init; }

    /// <summary>Share of answers that shall be right.</summary>
    public double? Accuracy { get; init; }

    /// <summary>Which answers <see cref="Accuracy"/> speaks about.</summary>
    public AccuracyTarget Of { get; init; }

    /// <summary>What is to be cheap, with threshold, retention and tiles chosen together; null: the threshold alone is chosen.</summary>
    public CostPrices? Prices { get; init; }

    /// <summary>Large method of the results; null: chosen by itself.</summary>
    public string? Method { get; init; }

    /// <summary>Seed of the bootstrap.</summary>
    public ulong Seed { get; init; }

    /// <summary>The policy file.</summary>
    public required string Output { get; init; }

    /// <summary>Calibrates from the results of an earlier run.</summary>
    /// <returns>The exit code.</returns>
    public int FromResults(string path)
    {
        var (header, records) = ResultStore.Read(path);
        return Write(header, records, path);
    }

    /// <summary>Asks both models, then calibrates.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> FromRequestsAsync(
        Benchmark benchmark, string data, DatasetOptions reading, PairOfModels models, string command, CancellationToken cancellationToken)
    {
        var dataset = benchmark.Read(data, reading);
        var layers = models.LargeLayers();

        // What a router does by default.
        MethodConfiguration[] methods = Prices is null ? [PaperExperiment.Row("", PruningMethod.Sgp, 35, layers).Method!] : CostCandidates.Methods(layers);
        await using var subject = await models.LoadAsync(terminal, methods, cancellationToken);
        var header = RunHeaders.Of(subject.Description, command, Seed, DataFingerprint.Of(benchmark, data));
        var records = await StoredRun.RunAsync(
            terminal, Beside(".results.jsonl"), header, subject, dataset, methods, reading.SkipBad, concurrency: 1, together: false, cancellationToken);
        return Write(header, records, data);
    }

    /// <summary>Asks running services, then calibrates: the large model as the router asks it, a foreign engine included.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> FromRouterAsync(Benchmark benchmark, string data, DatasetOptions reading, Uri router, string command, CancellationToken cancellationToken)
    {
        var dataset = benchmark.Read(data, reading);
        using var client = new RouterClient(router);
        var subject = await RouterSubject.ConnectAsync(client, router, cancellationToken);

        // What a router does by default: prune, where the model can.
        MethodConfiguration[] methods =
            [subject.Description.LargeLayers > 0 ? PaperExperiment.Row("", PruningMethod.Sgp, 35, subject.Description.LargeLayers).Method! : MethodConfiguration.Unpruned];
        var header = RunHeaders.Of(subject.Description, command, Seed, DataFingerprint.Of(benchmark, data));
        var records = await StoredRun.RunAsync(
            terminal, Beside(".results.jsonl"), header, subject, dataset, methods, reading.SkipBad, concurrency: 1, together: false, cancellationToken);
        return Write(header, records, data);
    }

    private int Write(RunHeader header, IReadOnlyList<ResultRecord> records, string source)
    {
        if (Prices is { } prices)
        {
            return WriteCheapest(prices, header, records, source);
        }

        var (samples, method, learnt) = CalibrationSamples.Of(records, Criterion, Method);
        var calibrator = new Calibrator(Criterion, samples, Seed + 1) { Source = Path.GetFileName(source), SmallModel = header.Small, LargeModel = header.Large };
        var policy = Accuracy is { } accuracy
            ? calibrator.ForAccuracy(accuracy, Of, TimeProvider.System.GetUtcNow())
            : calibrator.ForExitRatio(ExitRatio!.Value, TimeProvider.System.GetUtcNow());
        // What is learnt of both models is no probability of the small one's being right, so how well it is one means nothing.
        var isProbability = learnt?.Criterion.Large is null;
        policy = policy with { Learnt = learnt?.Criterion, Sample = policy.Sample! with { ExpectedCalibrationError = isProbability ? policy.Sample.ExpectedCalibrationError : null } };
        policy.Save(Output);
        Say(policy, method);
        Say(learnt);
        if (policy.Sample!.Labelled > 0 && isProbability)
        {
            CalibrationPlots.Reliability($"Reliability of {Criterion}, {header.Small}", calibrator.Reliability())
                .Write(Path.GetDirectoryName(Path.GetFullPath(Output))!, Path.GetFileNameWithoutExtension(Output) + "-reliability");
            terminal.Line($"diagram       {Beside("-reliability.svg")}");
        }

        terminal.Line($"policy        {Output}; a router loads it with Router:Policy:File, 'sgl serve' with --policy");
        return ExitCodes.Success;
    }

    private int WriteCheapest(CostPrices prices, RunHeader header, IReadOnlyList<ResultRecord> records, string source)
    {
        var calibrator = new CostCalibrator(Criterion, CostCandidates.Of(records, Criterion), prices)
        {
            Source = Path.GetFileName(source),
            SmallModel = header.Small,
            LargeModel = header.Large,
        };
        var (chosen, choices) = calibrator.Cheapest(Accuracy!.Value, TimeProvider.System.GetUtcNow());
        var learnt = Criterion == ExitCriterion.Learnt ? CalibrationSamples.Of(records, Criterion, chosen.Method).Learnt : null;
        var policy = CostCandidates.Applied(chosen) with { Learnt = learnt?.Criterion };
        policy.Save(Output);
        terminal.Line(CostCandidates.Table(choices).ToMarkdown());
        Say(policy, policy.Method);
        Say(learnt);
        var (expected, unit) = (policy.Expected!, prices == new CostPrices() ? " s" : "");
        terminal.Line(Text($"cheapest      {expected.CostPerRequest:0.#####}{unit} a request; on requests it was not chosen from {expected.HeldOutCostPerRequest:0.#####}{unit}, accuracy {Share(expected.HeldOutAccuracy, null)}"));
        terminal.Line($"policy        {Output}; a router loads it with Router:Policy:File, 'sgl serve' with --policy");
        return ExitCodes.Success;
    }

    private void Say(PolicyFile policy, string? method)
    {
        var (expected, sample) = (policy.Expected!, policy.Sample!);
        terminal.Line(Text($"criterion     {policy.Criterion}"));
        terminal.Line(Text($"threshold     {policy.Threshold:0.######}"));
        terminal.Line(Text($"sample        {sample.Count} requests, {sample.Labelled} with a right answer; large model: {method ?? "not asked"}"));
        terminal.Line($"exit ratio    {Share(expected.ExitRatio, expected.ExitRatioInterval)}");
        terminal.Line($"accuracy      {Share(expected.Accuracy, expected.AccuracyInterval)} of all answers, {Share(expected.ExitedAccuracy, expected.ExitedAccuracyInterval)} of those that exit");
        terminal.Line(expected.SecondsPerRequest is { } seconds
            ? Text($"cost          {seconds:0.000} s a request, {100 * expected.CostRatio:0.0} % of the large model alone")
            : "cost          not known: the large model was not asked");
        if (sample.ExpectedCalibrationError is { } error)
        {
            terminal.Line(Text($"ECE           {error:0.000}"));
        }
        else if (sample.Labelled == 0)
        {
            terminal.Line("ECE           not known: no right answers");
        }

        foreach (var warning in sample.Warnings)
        {
            terminal.Line($"warning       {warning}", new Spectre.Console.Style(Spectre.Console.Color.Yellow));
        }
    }

    /// <summary>What the learnt score is worth on requests that it was not learnt from, and whether it is worth having.</summary>
    private void Say(LearntExit? learnt)
    {
        if (learnt is not { OverDecision: { } overDecision, OverBest: { } overBest, BestMeasured: { } best })
        {
            return;
        }

        terminal.Line(Text($"learnt        area {learnt.Area:0.00} points, held out: {overDecision.Value:+0.00;-0.00} [{overDecision.Low:0.00}, {overDecision.High:0.00}] over Decision, {overBest.Value:+0.00;-0.00} [{overBest.Low:0.00}, {overBest.High:0.00}] over {best}, the best one that is measured"));
        if (overBest.Low <= 0)
        {
            terminal.Line($"warning       not better than {best} beyond chance: --criterion {best} does as well and has nothing to go out of date", new Spectre.Console.Style(Spectre.Console.Color.Yellow));
        }
    }

    private string Beside(string ending) => Path.ChangeExtension(Output, null) + ending;

    private static string Share(double? value, double[]? interval) => value is not { } v ? "not known"
        : Text($"{100 * v:0.0} %") + (interval is [var low, var high] ? Text($" [{100 * low:0.0}, {100 * high:0.0}]") : "");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
