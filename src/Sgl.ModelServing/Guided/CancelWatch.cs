using Sgl.Hosting;

namespace Sgl.ModelServing;

/// <summary>Watches for what a client sends while its answer is generated; begins at once.</summary>
public sealed class CancelWatch
{
    private readonly CancellationTokenSource _call;
    private readonly Task<bool> _watch;

    /// <summary>Begins to watch.</summary>
    /// <param name="client">The client's side, whose guidance has come.</param>
    /// <param name="call">What the answer runs under; cancelled where the client wants the answer no more.</param>
    public CancelWatch(GuidedRequestReader client, CancellationTokenSource call)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(call);
        _call = call;
        _watch = client.WatchForCancelAsync(call.Token);
        _watch.ObserveFailure();
    }

    /// <summary>Waits for the answer, or ends it where the client wants that or broke the contract; a client that merely closed its side waits for it.</summary>
    /// <param name="answer">The answer.</param>
    /// <returns>True where the client took its question back; the answer has ended then. False: it is to be awaited.</returns>
    /// <exception cref="InvalidRequestException">The client sent something else than a cancel.</exception>
    public async Task<bool> EndsAsync(Task answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        if (await Task.WhenAny(answer, _watch) != _watch)
        {
            return false;
        }

        var wanted = false;
        try
        {
            wanted = !await _watch;
            return !wanted;
        }
        finally
        {
            if (!wanted)
            {
                await _call.CancelAsync();
                await answer.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                answer.ObserveFailure();
            }
        }
    }
}
