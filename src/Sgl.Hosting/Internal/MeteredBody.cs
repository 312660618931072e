using System.Buffers;
using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Sgl.Hosting.Internal;

/// <summary>
/// A request body that counts itself against the budget before it is buffered, gives up when its own stream stalls, and says whose fault a broken transport
/// is. For gRPC it follows the message frames: only a client that owes a message is timed, and a length counts as soon as it is announced.
/// </summary>
internal sealed class MeteredBody : PipeReader, IDisposable
{
    // Below this rate on average, an upload is a way of holding memory. The framework's own limit, which counts whole connections.
    private const double LeastBytesPerSecond = 240;

    // The most that deflate makes of a byte.
    private const long MostInflation = 1032;

    private readonly PipeReader _inner;
    private readonly HttpContext _context;
    private readonly RequestBytes _bytes;
    private readonly MessageFrames? _frames;
    private readonly RequestMeter _meter;
    private readonly Exception? _refused;
    private ReadOnlySequence<byte> _last;
    private ITimer? _timer;
    private TimeSpan _waited;
    private long _arrived;
    private long _consumed;
    private bool _begun;
    private volatile bool _late;

    /// <param name="context">The request.</param>
    /// <param name="bytes">Takes what arrives.</param>
    /// <param name="meter">Limits.</param>
    /// <param name="refused">Thrown at the first read; null: the request may come in.</param>
    public MeteredBody(HttpContext context, RequestBytes bytes, RequestMeter meter, Exception? refused)
    {
        (_inner, _context, _bytes, _meter, _refused) = (context.Request.BodyReader, context, bytes, meter, refused);
        _frames = RequestMeter.IsGrpc(context) ? new MessageFrames() : null;
    }

    private bool Owes => _frames is null || _frames.Owes;

    private long Arrived => _frames?.Arrived ?? _arrived;

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        Begin();
        try
        {
            var pending = _inner.ReadAsync(cancellationToken);
            return See(pending.IsCompletedSuccessfully ? pending.Result : await WaitAsync(pending));
        }
        catch (BadHttpRequestException e) when (e.StatusCode != StatusCodes.Status413PayloadTooLarge && !_context.RequestAborted.IsCancellationRequested)
        {
            throw e.StatusCode == StatusCodes.Status408RequestTimeout ? ClientGoneException.Stalled(_meter.Limits.ReadTimeout)
                : e.Message.StartsWith("Unexpected end", StringComparison.Ordinal) ? ClientGoneException.Reset(e)
                : new InvalidRequestException("body", $"is not what HTTP allows: {e.Message.TrimEnd('.')}");
        }
        catch (Exception e) when (IsGone(e, cancellationToken))
        {
            throw ClientGoneException.Reset(e);
        }
    }

    public override bool TryRead(out ReadResult result)
    {
        Begin();
        if (!_inner.TryRead(out result))
        {
            return false;
        }

        result = See(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        var count = _last.Slice(0, consumed).Length;
        _last = default;
        _consumed += count;
        _frames?.Consume(count);
        _inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => _inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => _inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => _inner.CompleteAsync(exception);

    public void Dispose() => _timer?.Dispose();

    private void Begin()
    {
        if (_begun)
        {
            return;
        }

        _begun = true;
        if (_refused is not null)
        {
            throw Refusal(_refused);
        }

        // A length beyond the limit is refused by the framework at the first read, with the better reason.
        if (_frames is null && _context.Request.ContentLength is { } length
            && !(length > _context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize))
        {
            Take(length * CallLimits.JsonWeight, false);
        }
    }

    private ReadResult See(ReadResult result)
    {
        _last = result.Buffer;
        if (_frames is not null)
        {
            _frames.See(_last, (length, compressed) =>
            {
                // One that is too long is refused by the framework, before it is read.
                if (length <= _meter.MostBytes)
                {
                    Take(compressed ? Math.Min(length * MostInflation, _meter.MostBytes) : length, compressed);
                }
            });
        }
        else
        {
            var arrived = Math.Max(_arrived, _consumed + _last.Length);
            if (_context.Request.ContentLength is null)
            {
                Take((arrived - _arrived) * CallLimits.JsonWeight, false);
            }

            _arrived = arrived;
        }

        // A cancelled read is one whose time was up just as something came.
        return result.IsCanceled ? new ReadResult(result.Buffer, isCanceled: false, result.IsCompleted) : result;
    }

    private void Take(long bytes, bool provisional)
    {
        try
        {
            if (provisional)
            {
                _bytes.TakeProvisional(bytes);
            }
            else
            {
                _bytes.Take(bytes);
            }
        }
        catch (OverloadedException e)
        {
            _meter.CountRefused();
            throw Refusal(e);
        }
    }

    // The framework knows only its own kind of exception while it reads the message of a gRPC call.
    private Exception Refusal(Exception exception) =>
        _frames is not null && exception is OverloadedException e ? Faults.Overloaded(e.Message, e.RetryAfter).ToRpcException() : exception;

    private async ValueTask<ReadResult> WaitAsync(ValueTask<ReadResult> pending)
    {
        if (!Owes)
        {
            return await pending;
        }

        var (before, began) = (Arrived, _meter.Time.GetTimestamp());
        _late = false;
        _timer ??= _meter.Time.CreateTimer(_ => GiveUp(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(_meter.Limits.ReadTimeout, Timeout.InfiniteTimeSpan);
        var result = await pending;
        _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _waited += _meter.Time.GetElapsedTime(began);
        var nothing = _late && result.IsCanceled && _consumed + result.Buffer.Length <= before && !result.IsCompleted;
        var trickle = _waited > _meter.Limits.ReadTimeout && Math.Max(before, _consumed + result.Buffer.Length) < LeastBytesPerSecond * _waited.TotalSeconds;
        if (nothing || (trickle && !result.IsCompleted))
        {
            _meter.CountStalled();
            throw ClientGoneException.Stalled(_meter.Limits.ReadTimeout);
        }

        return result;
    }

    private void GiveUp()
    {
        _late = true;
        _inner.CancelPendingRead();
    }

    private bool IsGone(Exception exception, CancellationToken cancellationToken) =>
        (exception is IOException and not BadHttpRequestException)
        || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested)
        || (exception is not (ClientGoneException or RpcException or OverloadedException or InvalidRequestException or OperationCanceledException) && _context.RequestAborted.IsCancellationRequested);
}
