using Grpc.Core;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>
/// One call to the large model: input first, guidance with it or later. Where the answer turns out not to be needed, the call is cancelled.
/// </summary>
internal sealed class LargeCall : IDisposable
{
    // How long a service may take to take note of a cancel message before its connection is told to drop the call.
    private static readonly TimeSpan CancelGrace = TimeSpan.FromSeconds(1);

    private readonly AsyncDuplexStreamingCall<Wire.LargeServiceGenerateRequest, Wire.LargeServiceGenerateResponse> _call;
    private readonly Task _inputSent;

    private LargeCall(AsyncDuplexStreamingCall<Wire.LargeServiceGenerateRequest, Wire.LargeServiceGenerateResponse> call, Task inputSent, ReplicaLease? lease, long openedAt) =>
        (_call, _inputSent, Lease, OpenedAt) = (call, inputSent, lease, openedAt);

    /// <summary>The replica of a call that was opened early.</summary>
    public ReplicaLease? Lease { get; }

    /// <summary>Timestamp of <see cref="OpenEarly"/>.</summary>
    public long OpenedAt { get; }

    /// <summary>Completes when the service sends its headers, which it does once it has the input.</summary>
    public Task Responded => _call.ResponseHeadersAsync;

    /// <summary>Opens a call with input and guidance in one message.</summary>
    public static LargeCall Open(Replica replica, Wire.LargeInput input, Wire.Guidance guidance, CallOptions options)
    {
        var call = new Wire.LargeService.LargeServiceClient(replica.Calls).Generate(options);
        return new LargeCall(call, SendAllAsync(call, new Wire.LargeServiceGenerateRequest { Input = input, Guidance = guidance }), null, 0);
    }

    /// <summary>Opens a call with the input only; takes the lease over.</summary>
    public static LargeCall OpenEarly(ReplicaLease lease, Wire.LargeInput input, CallOptions options, long openedAt)
    {
        var call = new Wire.LargeService.LargeServiceClient(lease.Replica.Calls).Generate(options);
        return new LargeCall(call, call.RequestStream.WriteAsync(new Wire.LargeServiceGenerateRequest { Input = input }), lease, openedAt);
    }

    /// <summary>Sends the guidance after <see cref="OpenEarly"/>. A call that failed meanwhile says so in <see cref="EventsAsync"/>.</summary>
    public async Task GuideAsync(Wire.Guidance guidance)
    {
        await _inputSent.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_inputSent.IsCompletedSuccessfully)
        {
            await SendAllAsync(_call, new Wire.LargeServiceGenerateRequest { Guidance = guidance });
        }
    }

    /// <summary>The events, after all was sent. Throws the call's status where it fails.</summary>
    public async IAsyncEnumerable<Wire.LargeServiceGenerateResponse> EventsAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var message in _call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            yield return message;
        }
    }

    /// <summary>Tells the service that the answer is not needed, without making the caller wait for it.</summary>
    public void Abandon() => _ = AbandonAsync();

    public void Dispose()
    {
        _call.Dispose();
        Lease?.Dispose();
        _inputSent.ObserveFailure();
    }

    private static async Task SendAllAsync(
        AsyncDuplexStreamingCall<Wire.LargeServiceGenerateRequest, Wire.LargeServiceGenerateResponse> call, Wire.LargeServiceGenerateRequest message)
    {
        try
        {
            await call.RequestStream.WriteAsync(message);
            await call.RequestStream.CompleteAsync();
        }
        catch (RpcException)
        {
            // The service ended the call before it had read everything; its status comes with the events.
        }
        catch (InvalidOperationException)
        {
            // The same, seen a moment later: "Can't write the message because the call is complete."
        }
    }

    private async Task AbandonAsync()
    {
        try
        {
            using var grace = new CancellationTokenSource(CancelGrace);
            if (_inputSent.IsCompletedSuccessfully)
            {
                await SendAllAsync(_call, new Wire.LargeServiceGenerateRequest { Cancel = new Wire.Cancel() }).WaitAsync(grace.Token);
                while (await _call.ResponseStream.MoveNext(grace.Token))
                {
                }
            }
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException or InvalidOperationException or ObjectDisposedException)
        {
            // Disposing resets the stream, which ends the work as well.
        }
        finally
        {
            Dispose();
        }
    }
}
