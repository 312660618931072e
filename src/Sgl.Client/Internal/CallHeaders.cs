using Grpc.Core;

namespace Sgl.Client.Internal;

/// <summary>What goes with every call: who asks, and until when.</summary>
internal sealed class CallHeaders(SglClientOptions options)
{
    /// <summary>Whether a text can stand in a header as a key.</summary>
    public static bool IsKey(string? key) => key is { Length: > 0 } && key.All(c => c is > ' ' and < '\x7f');

    /// <summary>The options of a call.</summary>
    /// <param name="timeout">Its own limit; null: that of the options.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async ValueTask<CallOptions> OptionsAsync(TimeSpan? timeout, CancellationToken cancellationToken)
    {
        var limit = timeout ?? options.Timeout;
        if (limit != Timeout.InfiniteTimeSpan)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(limit, TimeSpan.Zero, nameof(timeout));
        }

        var key = options.ApiKeySource is { } source ? await source(cancellationToken).ConfigureAwait(false) : options.ApiKey;
        return new CallOptions(
            key is null ? null : new Metadata { { "authorization", $"Bearer {Checked(key)}" } },
            limit == Timeout.InfiniteTimeSpan ? null : TimeProvider.System.GetUtcNow().UtcDateTime + limit,
            cancellationToken);
    }

    // Without the key in the message: exceptions are logged.
    private static string Checked(string key) =>
        IsKey(key) ? key : throw new InvalidOperationException($"{nameof(SglClientOptions)}.{nameof(SglClientOptions.ApiKeySource)} gave a key that is empty or has characters other than printable ASCII.");
}
