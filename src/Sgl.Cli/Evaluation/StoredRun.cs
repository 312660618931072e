using Sgl.Cli.Internal;
using Sgl.Evaluation;

namespace Sgl.Cli.Evaluation;

/// <summary>Asks what a result file does not hold yet, and says so.</summary>
internal static class StoredRun
{
    /// <summary>Runs to the end, or until it is stopped; either way the file can be continued.</summary>
    /// <returns>The results of these questions and methods, earlier runs' included.</returns>
    public static async Task<IReadOnlyList<ResultRecord>> RunAsync(
        Terminal terminal,
        string path,
        RunHeader header,
        IEvaluationSubject subject,
        Dataset dataset,
        IReadOnlyList<MethodConfiguration> methods,
        bool skipBad,
        int concurrency,
        bool together,
        CancellationToken cancellationToken)
    {
        using var store = ResultStore.Open(path, header);
        string[] keys = [ResultRecord.SmallMethod, .. methods.Select(m => m.Key)];
        var there = dataset.Questions.Sum(q => keys.Count(k => store.Contains(q.Benchmark, q.Id, k)));
        if (there > 0)
        {
            terminal.Hint(FormattableString.Invariant($"{there} answers are in {path} already"));
        }

        try
        {
            await EvaluationBars.RunAsync(terminal, there, progress =>
                new EvaluationRunner(subject, store, skipBad, concurrency, together).RunAsync(dataset, methods, progress, cancellationToken));
        }
        catch (OperationCanceledException)
        {
            terminal.Hint(FormattableString.Invariant($"{store.Count} answers are in {path}; the same command goes on from there"));
            throw;
        }

        return [.. from question in dataset.Questions from key in keys let record = store.Find(question.Benchmark, question.Id, key) where record is not null select record];
    }
}
