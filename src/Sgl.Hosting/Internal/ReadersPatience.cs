using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Sgl.Hosting.Internal;

/// <summary>Bounds the time a client takes to accept what is written to it; then its stream alone is reset.</summary>
internal sealed class ReadersPatience(HttpContext context, RequestMeter meter, CancellationToken ended)
{
    private const int Http2Cancel = 8;

    // A call that is over anyway waits this long for its last words to be taken.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    /// <summary>Waits for a write.</summary>
    /// <exception cref="ClientGoneException">The client does not read, or is gone.</exception>
    public async Task WaitAsync(Task write)
    {
        if (write.IsCompletedSuccessfully)
        {
            return;
        }

        try
        {
            if (!write.IsCompleted)
            {
                await PatientlyAsync(write);
            }

            await write;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException || (e is InvalidOperationException or OperationCanceledException && ended.IsCancellationRequested))
        {
            throw ClientGoneException.Reset(e);
        }
    }

    private async Task PatientlyAsync(Task write)
    {
        var timeout = meter.Limits.WriteTimeout;
        using var limit = new CancellationTokenSource(timeout, meter.Time);
        await using var hurry = ended.Register(() => limit.CancelAfter(timeout < LastWords ? timeout : LastWords));
        await write.WaitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (write.IsCompleted)
        {
            return;
        }

        write.ObserveFailure();
        meter.CountUnread();
        if (context.Features.Get<IHttpResetFeature>() is { } stream)
        {
            stream.Reset(Http2Cancel);
        }
        else
        {
            context.Abort();
        }

        throw ClientGoneException.Unread(timeout);
    }
}
