namespace Sgl.Evaluation;

/// <summary>How far a run is.</summary>
/// <param name="Done">Answers given, those of earlier runs included.</param>
/// <param name="Total">Answers wanted.</param>
/// <param name="Failed">Answers that failed.</param>
public readonly record struct EvaluationProgress(int Done, int Total, int Failed);

/// <summary>Asks a subject every question under every method, and stores what is not there yet.</summary>
/// <param name="subject">The pair of models.</param>
/// <param name="store">Where results go.</param>
/// <param name="skipBad">Note a question that fails and go on; otherwise the first failure ends the run.</param>
/// <param name="concurrency">Questions in flight.</param>
/// <param name="together">Whether the large model is asked a question under all methods at once, for subjects that share the work.</param>
public sealed class EvaluationRunner(IEvaluationSubject subject, ResultStore store, bool skipBad = false, int concurrency = 1, bool together = false)
{
    /// <summary>
    /// Runs to the end. For every question the small model is asked first (its answer, scores and importance vectors serve all
    /// methods), then the large model once per method. The small model is asked again on resuming only where a missing method
    /// needs its importance, since vectors are not stored.
    /// </summary>
    public async Task RunAsync(
        Dataset dataset, IReadOnlyList<MethodConfiguration> methods, IProgress<EvaluationProgress>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        ArgumentNullException.ThrowIfNull(methods);
        if (methods.Select(m => m.Key).GroupBy(k => k).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new EvaluationException($"the method {twice.Key} is listed twice");
        }

        var counter = new Counter(dataset.Questions.Count * (methods.Count + 1), progress);
        var options = new ParallelOptions { MaxDegreeOfParallelism = concurrency, CancellationToken = cancellation };
        await Parallel.ForEachAsync(
            dataset.Questions.Index(),
            options,
            (item, token) => AskAsync(dataset.Benchmark, item.Item, item.Index, methods, counter, token)).ConfigureAwait(false);
    }

    private async ValueTask AskAsync(
        Benchmark benchmark, EvaluationQuestion question, int index, IReadOnlyList<MethodConfiguration> methods, Counter counter, CancellationToken cancellation)
    {
        var missing = methods.Where(m => !Has(question, m.Key)).ToArray();
        var importances = missing.Where(m => m.NeedsSmall).Select(m => m.Importance).Distinct().ToArray();
        SmallAnswer? small = null;
        if (importances.Length > 0 || !Has(question, ResultRecord.SmallMethod))
        {
            small = await TryAsync(benchmark, question, ResultRecord.SmallMethod, async () =>
            {
                var answer = await subject.AnswerSmallAsync(question, importances, cancellation).ConfigureAwait(false);
                return (answer, Result(benchmark, question, ResultRecord.SmallMethod, answer.Text) with
                {
                    ExitScores = answer.Scores,
                    VisualTokens = answer.VisualTokens,
                    GeneratedTokens = answer.GeneratedTokens,
                    Timings = answer.Timings,
                    PeakMemoryBytes = answer.PeakMemoryBytes,
                });
            }).ConfigureAwait(false);
        }

        counter.Done(store.Find(question.Benchmark, question.Id, ResultRecord.SmallMethod)?.Error is not null);
        if (together)
        {
            await Task.WhenAll(methods.Select(AskLargeAsync)).ConfigureAwait(false);
            return;
        }

        foreach (var method in methods)
        {
            await AskLargeAsync(method).ConfigureAwait(false);
        }

        async Task AskLargeAsync(MethodConfiguration method)
        {
            var needsSmall = method.NeedsSmall;
            if (missing.Contains(method) && (small is not null || !needsSmall))
            {
                var importance = needsSmall ? small!.Importances[Array.IndexOf(importances, method.Importance)] : null;
                await TryAsync(benchmark, question, method.Key, async () =>
                {
                    var answer = await subject.AnswerLargeAsync(question, index, method, importance, cancellation).ConfigureAwait(false);
                    return (answer, Result(benchmark, question, method.Key, answer.Text) with
                    {
                        VisualTokens = answer.VisualTokens,
                        GeneratedTokens = answer.GeneratedTokens,
                        AverageRetention = answer.AverageRetention,
                        Tiles = answer.Tiles,
                        EncodedTiles = answer.EncodedTiles,
                        Timings = answer.Timings,
                        PeakMemoryBytes = answer.PeakMemoryBytes,
                    });
                }).ConfigureAwait(false);
            }

            counter.Done(store.Find(question.Benchmark, question.Id, method.Key)?.Error is not null);
        }
    }

    private bool Has(EvaluationQuestion question, string method) => store.Contains(question.Benchmark, question.Id, method);

    private async Task<T?> TryAsync<T>(
        Benchmark benchmark, EvaluationQuestion question, string method, Func<Task<(T Answer, ResultRecord Record)>> ask)
        where T : class
    {
        try
        {
            var (answer, record) = await ask().ConfigureAwait(false);
            store.Add(record);
            return answer;
        }
        catch (Exception e) when (skipBad && e is not OperationCanceledException)
        {
            store.Add(Result(benchmark, question, method, null) with { Error = e.Message });
            return null;
        }
        catch (Exception e) when (e is not (OperationCanceledException or EvaluationException))
        {
            throw new EvaluationException($"{question.Benchmark} question {question.Id} ({question.Image.Name}), {method}: {e.Message}", e);
        }
    }

    private static ResultRecord Result(Benchmark benchmark, EvaluationQuestion question, string method, string? answer) => new()
    {
        Benchmark = question.Benchmark,
        Id = question.Id,
        Method = method,
        Kind = question.Kind,
        Group = question.Group,
        Answer = answer,
        Score = answer is null ? null : benchmark.Metric.Score(answer, question.Reference),
    };

    private sealed class Counter(int total, IProgress<EvaluationProgress>? progress)
    {
        private readonly Lock _lock = new();
        private int _done;
        private int _failed;

        public void Done(bool failed)
        {
            EvaluationProgress now;
            lock (_lock)
            {
                _done++;
                _failed += failed ? 1 : 0;
                now = new EvaluationProgress(_done, total, _failed);
            }

            progress?.Report(now);
        }
    }
}
