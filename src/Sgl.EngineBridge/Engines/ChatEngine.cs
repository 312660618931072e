using System.ClientModel;
using System.ClientModel.Primitives;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using OpenAI;
using OpenAI.Chat;

namespace Sgl.EngineBridge;

/// <summary>Asks an engine for an answer over its OpenAI-compatible API. Thread-safe.</summary>
internal sealed partial class ChatEngine
{
    /// <summary>Name of the HTTP client that questions go through.</summary>
    public const string HttpClientName = "engine";

    private readonly ChatClient _client;
    private readonly BridgeOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<ChatEngine> _logger;

    public ChatEngine(IHttpClientFactory clients, IOptions<BridgeOptions> options, TimeProvider time, ILogger<ChatEngine> logger)
    {
        (_options, _time, _logger) = (options.Value, time, logger);
        var pipeline = new OpenAIClientOptions
        {
            Endpoint = _options.BaseAddress,
            Transport = new HttpClientPipelineTransport(clients.CreateClient(HttpClientName)),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0), // repeated below it, where Retry-After is heeded
            NetworkTimeout = Timeout.InfiniteTimeSpan, // the limits of the bridge count
        };
        _client = new ChatClient(_options.Model, NoAuthentication.Instance, pipeline);
    }

    /// <summary>Name of the model.</summary>
    public string Model => _options.Model;

    /// <summary>Asks, and hands out what comes, as it comes. Whoever stops reading, or cancels, ends the work at the engine.</summary>
    /// <param name="question">The question.</param>
    /// <param name="correlationId">For the log and for errors that tell nothing else.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="EngineException">There is no answer, or it broke off.</exception>
    public async IAsyncEnumerable<EngineEvent> AskAsync(EngineQuestion question, string correlationId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(_options.FirstTokenTimeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        await using var updates = Open(question, both.Token).GetAsyncEnumerator(both.Token);
        var answer = new EngineAnswer();
        while (await MoveNextAsync(updates, answer, correlationId, limit, cancellationToken))
        {
            limit.CancelAfter(_options.TokenTimeout);
            foreach (var text in answer.Read(updates.Current))
            {
                yield return text;
            }
        }

        yield return answer.End() ?? throw Failed(new EngineStreamException("its stream ended without a finish reason"), answer, correlationId, false, cancellationToken)!;
    }

    private async Task<bool> MoveNextAsync(
        IAsyncEnumerator<StreamingChatCompletionUpdate> updates, EngineAnswer answer, string correlationId, CancellationTokenSource limit, CancellationToken cancellationToken)
    {
        try
        {
            var any = await updates.MoveNextAsync();
            answer.Begun |= any;
            return any;
        }
        catch (Exception e) when (Failed(e, answer, correlationId, limit.IsCancellationRequested, cancellationToken) is { } failure)
        {
            throw failure;
        }
    }

    /// <summary>The failure for callers; null where it is the caller's own end.</summary>
    private EngineException? Failed(Exception exception, EngineAnswer answer, string correlationId, bool isLate, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return null;
        }

        var status = !isLate ? EngineErrors.Translate(exception, Model, correlationId)
            : answer.Begun ? EngineErrors.Late(Model, "nothing more", _options.TokenTimeout, "Bridge:TokenTimeout")
            : EngineErrors.Late(Model, "nothing", _options.FirstTokenTimeout, "Bridge:FirstTokenTimeout");
        if (status is null)
        {
            return null;
        }

        if (status.Code != (int)Google.Rpc.Code.InvalidArgument)
        {
            LogFailed(correlationId, Model, answer.Begun ? "in the middle of its answer" : "before its answer", exception);
        }

        return new EngineException(status, exception);
    }

    private AsyncCollectionResult<StreamingChatCompletionUpdate> Open(EngineQuestion question, CancellationToken cancellationToken) =>
        _client.CompleteChatStreamingAsync(question.Turns.Select(ChatRequest.Message), ChatRequest.Options(question, _options), cancellationToken);

    // The client library's own exceptions hold no request, hence no key: keys are added below it.
    [LoggerMessage(EventId = 1, EventName = "EngineFailed", Level = LogLevel.Warning, Message = "{RequestId}: the engine of {Model} failed {When}.")]
    private partial void LogFailed(string requestId, string model, string when, Exception exception);

    private sealed class NoAuthentication : AuthenticationPolicy
    {
        public static readonly NoAuthentication Instance = new();

        public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) => ProcessNext(message, pipeline, currentIndex);

        public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) => ProcessNextAsync(message, pipeline, currentIndex);
    }
}
