using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Net.Client;
using Sgl.Client.Internal;

namespace Sgl.Client;

/// <summary>A client of a router. Thread-safe; one is enough for a process.</summary>
public sealed class SglClient : IDisposable
{
    private readonly Wire.RouterService.RouterServiceClient _router;
    private readonly CallHeaders _headers;
    private readonly GrpcChannel? _channel;

    /// <summary>A client with a channel of its own.</summary>
    /// <param name="options">Where the router is, and who asks.</param>
    /// <exception cref="ArgumentException">The options are wrong; the message holds all that is.</exception>
    public SglClient(SglClientOptions options)
    {
        Check(options);
        Address = new Uri(options.Address);
        _headers = new CallHeaders(options);
        var channel = new GrpcChannelOptions { HttpHandler = Channels.Handler(), DisposeHttpClient = true };
        Channels.Configure(channel, options);
        _channel = GrpcChannel.ForAddress(Address, channel);
        _router = new Wire.RouterService.RouterServiceClient(_channel);
    }

    /// <summary>A client on a generated one, whose channel somebody else made and ends.</summary>
    /// <param name="router">The generated client.</param>
    /// <param name="options">Who asks, and how long; the address must be that of the channel.</param>
    /// <exception cref="ArgumentException">The options are wrong; the message holds all that is.</exception>
    public SglClient(Wire.RouterService.RouterServiceClient router, SglClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(router);
        Check(options);
        (Address, _router, _headers) = (new Uri(options.Address), router, new CallHeaders(options));
    }

    /// <summary>Address of the router.</summary>
    public Uri Address { get; }

    /// <summary>Asks, and hands out events as they come. Whoever stops reading, or cancels, ends the work of all services for it.</summary>
    /// <param name="request">The question, e.g. from <see cref="SglQuestion.Of"/>.</param>
    /// <param name="timeout">Longest time of the whole answer; null: that of the options.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="SglException">While reading: there is no answer, or it broke off.</exception>
    /// <exception cref="OperationCanceledException">While reading: the caller cancelled.</exception>
    public IAsyncEnumerable<SglEvent> AskAsync(Wire.AnswerRequest request, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return EventsAsync(request, timeout, cancellationToken);
    }

    /// <summary>Asks for the answer as a whole.</summary>
    /// <param name="request">The question, e.g. from <see cref="SglQuestion.Of"/>.</param>
    /// <param name="timeout">Longest time; null: that of the options.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="SglException">There is no answer.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public async Task<SglAnswer> AnswerAsync(Wire.AnswerRequest request, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var answer = await CallAsync(options => _router.AnswerOnceAsync(request, options), timeout, cancellationToken).ConfigureAwait(false);
        return new SglAnswer(answer.Completed ?? throw NoEnd(), answer.Decision);
    }

    /// <summary>Asks the router about itself, both models and the default policy.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="SglException">It does not answer.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public Task<Wire.GetInfoResponse> GetInfoAsync(CancellationToken cancellationToken = default) =>
        CallAsync(options => _router.GetInfoAsync(new Wire.GetInfoRequest(), options), null, cancellationToken);

    /// <summary>The policies that requests may name, the default one first.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="SglException">The router does not answer.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public async Task<IReadOnlyList<Wire.NamedPolicy>> GetPoliciesAsync(CancellationToken cancellationToken = default) =>
        (await CallAsync(options => _router.ListPoliciesAsync(new Wire.ListPoliciesRequest(), options), null, cancellationToken).ConfigureAwait(false)).Policies;

    /// <summary>Ends the channel, where it is this client's own.</summary>
    public void Dispose() => _channel?.Dispose();

    private async IAsyncEnumerable<SglEvent> EventsAsync(Wire.AnswerRequest request, TimeSpan? timeout, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var call = _router.Answer(request, await _headers.OptionsAsync(timeout, cancellationToken).ConfigureAwait(false));
        Wire.Decision? decision = null;
        var isWhole = false;
        while (await TranslatedAsync(call.ResponseStream.MoveNext(cancellationToken), cancellationToken).ConfigureAwait(false))
        {
            var response = call.ResponseStream.Current;
            decision = response.Decision ?? decision;
            isWhole |= response.Completed is not null;
            if (Event(response, decision) is { } known)
            {
                yield return known;
            }
        }

        if (!isWhole)
        {
            throw NoEnd();
        }
    }

    // A kind that a later contract adds is not told: callers could not know it either.
    private static SglEvent? Event(Wire.AnswerResponse response, Wire.Decision? decision) => response.EventCase switch
    {
        Wire.AnswerResponse.EventOneofCase.Layout => new SglPromptEvent(response.Layout),
        Wire.AnswerResponse.EventOneofCase.SmallToken => new SglSmallTokenEvent(response.SmallToken),
        Wire.AnswerResponse.EventOneofCase.Decision => new SglDecisionEvent(response.Decision),
        Wire.AnswerResponse.EventOneofCase.LargeToken => new SglLargeTokenEvent(response.LargeToken),
        Wire.AnswerResponse.EventOneofCase.Completed => new SglCompletedEvent(new SglAnswer(response.Completed, decision)),
        _ => null,
    };

    private async Task<T> CallAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> start, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        using var call = start(await _headers.OptionsAsync(timeout, cancellationToken).ConfigureAwait(false));
        return await TranslatedAsync(call.ResponseAsync, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<T> TranslatedAsync<T>(Task<T> result, CancellationToken cancellationToken)
    {
        try
        {
            return await result.ConfigureAwait(false);
        }
        catch (RpcException e) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }
        catch (RpcException e)
        {
            throw SglException.From(e);
        }
    }

    private static SglException NoEnd() => new(StatusCode.Internal, "The router ended its answer without a completed event.");

    private static void Check(SglClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (SglClientOptionsValidator.Errors(options).ToList() is { Count: > 0 } errors)
        {
            throw new ArgumentException(string.Join(' ', errors), nameof(options));
        }
    }
}
