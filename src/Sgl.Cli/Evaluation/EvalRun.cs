using Sgl.Cli.Internal;
using Sgl.Evaluation;
using Sgl.Experiments;
using Sgl.Guidance;

namespace Sgl.Cli.Evaluation;

/// <summary>One run of <c>sgl eval</c> over one benchmark.</summary>
internal sealed class EvalRun(Terminal terminal)
{
    /// <summary>Questions whose pictures tell what is looked at without a question.</summary>
    private const int TrendSample = 60;

    /// <summary>The benchmark, with its metric.</summary>
    public required Benchmark Benchmark { get; init; }

    /// <summary>Its folder or file.</summary>
    public required string Data { get; init; }

    /// <summary>How it is read.</summary>
    public required DatasetOptions Reading { get; init; }

    /// <summary>The compared methods.</summary>
    public required MethodSelection Methods { get; init; }

    /// <summary>The models, unless a router is asked.</summary>
    public required Func<PairOfModels> Models { get; init; }

    /// <summary>A running router; null: models in this process.</summary>
    public Uri? Router { get; init; }

    /// <summary>Exit criteria to show; null: all.</summary>
    public IReadOnlyList<ExitCriterion>? Criteria { get; init; }

    /// <summary>Questions in flight.</summary>
    public int Concurrency { get; init; } = 1;

    /// <summary>Questions asked together, sharing work; 1: one after the other, or <see cref="Concurrency"/> in flight with times.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Where everything is written.</summary>
    public required string Output { get; init; }

    /// <summary>File of the results in <see cref="Output"/>.</summary>
    public string ResultFile { get; init; } = "results.jsonl";

    /// <summary>The command line.</summary>
    public required string Command { get; init; }

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var dataset = Benchmark.Read(Data, Reading);
        if (Router is { } address)
        {
            using var client = new RouterClient(address);
            var routed = await RouterSubject.ConnectAsync(client, address, cancellationToken);
            var rows = Methods.Rows(routed.Description.LargeLayers);
            RouterSubject.Require(rows.Select(r => r.Method).OfType<MethodConfiguration>());
            return await RunAsync(routed, dataset, rows, cancellationToken);
        }

        var models = Models();
        var local = Methods.Rows(models.LargeLayers());
        await using var engines = await models.LoadAsync(terminal, local.Select(r => r.Method).OfType<MethodConfiguration>(), cancellationToken);
        foreach (var places in Methods.Rules.Where(r => r?.Kind == GuidanceRuleKind.Debiased).Select(r => (int)r!.Parameter).Distinct())
        {
            await engines.LearnTrendAsync(dataset.Questions.Take(TrendSample), places, cancellationToken);
        }

        return await RunAsync(engines, dataset, local, cancellationToken);
    }

    private async Task<int> RunAsync(IEvaluationSubject subject, Dataset dataset, IReadOnlyList<PaperRow> rows, CancellationToken cancellationToken)
    {
        var header = RunHeaders.Of(subject.Description, Command, Methods.Seed, DataFingerprint.Of(Benchmark, Data));
        var records = await StoredRun.RunAsync(
            terminal, Path.Combine(Output, ResultFile), header, subject, dataset,
            [.. rows.Select(r => r.Method).OfType<MethodConfiguration>()], Reading.SkipBad, Math.Max(Concurrency, Batch), Batch > 1, cancellationToken);
        var report = new RunReport(header, dataset, rows, records) { Criteria = Criteria };
        var files = report.Write(Output);
        if (dataset.Benchmark.Metric is JudgedElsewhere)
        {
            terminal.Line($"{Benchmark.Name}: {JudgedElsewhere.Note}");
        }
        else
        {
            terminal.Line(report.MainTable().ToMarkdown());
        }

        if (dataset.Skipped.Count > 0)
        {
            terminal.Line(FormattableString.Invariant($"skipped {dataset.Skipped.Count} broken questions; the first: {dataset.Skipped[0].Message}"));
        }

        terminal.Line($"written to {Output}: {ResultFile}, {string.Join(", ", files)}");
        return ExitCodes.Success;
    }
}
