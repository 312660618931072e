using Grpc.Core;
using Sgl.Hosting;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>The client's side of <c>LargeService.Generate</c>: an input, then guidance or a cancel, in one message or two.</summary>
/// <param name="messages">What the client sends.</param>
/// <param name="time">Clock.</param>
public sealed class GuidedRequestReader(IAsyncStreamReader<Wire.LargeServiceGenerateRequest> messages, TimeProvider time)
{
    private Wire.LargeServiceGenerateRequest? _first;

    /// <summary>The guidance, where the first message holds it too.</summary>
    public Wire.Guidance? EarlyGuidance => _first?.Guidance;

    /// <summary>Whether nothing is awaited after the first message.</summary>
    public bool IsWhole => _first is { ContinuationCase: not Wire.LargeServiceGenerateRequest.ContinuationOneofCase.None };

    /// <summary>Whether the first message takes itself back.</summary>
    public bool EarlyCancel => _first?.Cancel is not null;

    /// <summary>Reads the input.</summary>
    /// <exception cref="InvalidRequestException">The first message has none, or there is no message.</exception>
    public async Task<Wire.LargeInput> ReadInputAsync(CancellationToken cancellationToken)
    {
        if (!await messages.MoveNext(cancellationToken) || messages.Current.Input is null)
        {
            throw new InvalidRequestException("input", "is required in the first message");
        }

        _first = messages.Current;
        return _first.Input;
    }

    /// <summary>Reads what to do with the input.</summary>
    /// <param name="timeout">Longest wait.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The guidance, or null where the answer is not needed any more.</returns>
    /// <exception cref="InvalidRequestException">The client sent something else, or nothing more.</exception>
    /// <exception cref="RpcException">DEADLINE_EXCEEDED: it did not come in time.</exception>
    public async Task<Wire.Guidance?> ReadGuidanceAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (_first!.ContinuationCase != Wire.LargeServiceGenerateRequest.ContinuationOneofCase.None)
        {
            return _first.Guidance;
        }

        using var limit = new CancellationTokenSource(timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            if (!await messages.MoveNext(both.Token))
            {
                throw new InvalidRequestException("guidance", "is required: the stream ended without guidance or cancel; to keep all visual tokens set unpruned");
            }
        }
        catch (Exception e) when (e is OperationCanceledException or RpcException and not ClientGoneException && limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw Faults.Create(
                Google.Rpc.Code.DeadlineExceeded, $"No guidance came within {timeout.TotalSeconds:0.###} s (setting Guidance:Timeout). Send the input again, with guidance.", ErrorReasons.DeadlineExceeded).ToRpcException();
        }

        return Continuation(messages.Current);
    }

    /// <summary>Watches for what comes while the answer is generated: a cancel ends it, anything else is a mistake.</summary>
    /// <returns>True where a cancel came, false where the client closed its side.</returns>
    /// <exception cref="InvalidRequestException">The client sent something else.</exception>
    public async Task<bool> WatchForCancelAsync(CancellationToken cancellationToken)
    {
        if (!await messages.MoveNext(cancellationToken))
        {
            return false;
        }

        return Continuation(messages.Current) is null
            ? true
            : throw new InvalidRequestException("guidance", "was sent already; a later message can only be cancel");
    }

    private static Wire.Guidance? Continuation(Wire.LargeServiceGenerateRequest message)
    {
        if (message.Input is not null)
        {
            throw new InvalidRequestException("input", "was sent already; later messages hold guidance or cancel");
        }

        return message.ContinuationCase switch
        {
            Wire.LargeServiceGenerateRequest.ContinuationOneofCase.Guidance => message.Guidance,
            Wire.LargeServiceGenerateRequest.ContinuationOneofCase.Cancel => null,
            _ => throw new InvalidRequestException("guidance", "one of guidance and cancel is required"),
        };
    }
}
