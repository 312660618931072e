using Sgl.Batch.Internal;

namespace Sgl.Batch;

/// <summary>Asks the requests of a batch that have no answer yet, several at once. Answers are written as they come, so their order is not that of the requests.</summary>
/// <param name="client">Its base address is that of the HTTP API.</param>
/// <param name="options">How.</param>
/// <param name="time">The clock.</param>
public sealed class BatchRunner(HttpClient client, BatchOptions options, TimeProvider time)
{
    /// <summary>Runs to the end, or until it is stopped; either way the same call goes on from there.</summary>
    /// <param name="file">The requests.</param>
    /// <param name="results">What there is of answers, and where further ones go.</param>
    /// <param name="progress">Told after each request.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="BatchException">The results are another batch's, or the server cannot be reached.</exception>
    public async Task RunAsync(BatchFile file, BatchResults results, IProgress<BatchProgress> progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(results);
        ArgumentNullException.ThrowIfNull(progress);
        var ids = file.Requests.Select(r => r.CustomId).ToHashSet();
        if (results.Known.FirstOrDefault(id => !ids.Contains(id)) is { } other)
        {
            throw new BatchException($"the results hold '{Shown.Text(other)}', which is none of the requests: they are another batch's; give other files");
        }

        Tell();
        var post = new BatchPost(client, options, time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Concurrency, CancellationToken = end.Token };
        try
        {
            await Parallel.ForEachAsync(file.Requests.Where(r => !results.Known.Contains(r.CustomId)), parallel, async (request, token) =>
            {
                results.Add(await post.SendAsync(request, file.Body(request), token));
                Tell();
            });
        }
        catch (OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw;
        }

        void Tell() => progress.Report(new BatchProgress(results.Answered + results.Failed, file.Requests.Count, results.Failed));
    }
}
