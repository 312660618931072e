using Microsoft.AspNetCore.Http;

namespace Sgl.Router;

/// <summary>
/// A streamed chat completion: server-sent events of chunks, <c>[DONE]</c> at the end. While nothing is to say, a comment now and then keeps proxies and clients
/// from taking the silence for a dead connection.
/// </summary>
internal sealed class ChatStream : IAsyncDisposable
{
    private readonly HttpResponse _response;
    private readonly ChatRequest _request;
    private readonly string _id;
    private readonly long _created;
    private readonly CancellationToken _cancellationToken;
    private readonly CancellationTokenSource _over = new();
    private readonly SemaphoreSlim _writing = new(1);
    private readonly AnswerText _text = new();
    private readonly Task _heartbeats;
    private bool _begun;
    private bool _quiet = true;
    private bool _wroteLarge;

    /// <summary>Begins a stream; nothing leaves before there is something to say, or the first heartbeat.</summary>
    /// <param name="response">Gets the events.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="requestId">Correlation id.</param>
    /// <param name="time">The clock.</param>
    /// <param name="heartbeat">Longest silence; zero: for ever.</param>
    /// <param name="cancellationToken">Cancelled when the client is gone.</param>
    public ChatStream(HttpResponse response, ChatRequest request, string requestId, TimeProvider time, TimeSpan heartbeat, CancellationToken cancellationToken)
    {
        (_response, _request, _id, _cancellationToken) = (response, request, $"chatcmpl-{requestId}", cancellationToken);
        _created = time.GetUtcNow().ToUnixTimeSeconds();
        _heartbeats = heartbeat > TimeSpan.Zero ? BeatAsync(heartbeat, time) : Task.CompletedTask;
    }

    /// <summary>Whether the status line has left, so that an error can only be a chunk.</summary>
    public bool Started { get; private set; }

    /// <summary>Takes an event of the router.</summary>
    public async Task TakeAsync(Wire.AnswerResponse answer)
    {
        switch (answer.EventCase)
        {
            case Wire.AnswerResponse.EventOneofCase.Layout when _request.Includes.HasFlag(ChatIncludes.Layout):
                await WriteAsync(Chunk(new ChatDelta(), null, new ChatTrail { Layout = ChatLayout.From(answer.Layout) }));
                break;
            case Wire.AnswerResponse.EventOneofCase.SmallToken when _request.SmallIsFinal:
                await WriteTextAsync(answer.SmallToken.Text);
                break;
            case Wire.AnswerResponse.EventOneofCase.SmallToken when _request.Provisional:
                await WriteAsync(Chunk(new ChatDelta(), null, new ChatTrail { Provisional = answer.SmallToken.Text }));
                break;
            case Wire.AnswerResponse.EventOneofCase.Decision:
                await WriteAsync(Chunk(new ChatDelta(), null, new ChatTrail { Decision = ChatDecision.From(answer.Decision) }));
                break;
            case Wire.AnswerResponse.EventOneofCase.LargeToken:
                _wroteLarge = true;
                await WriteTextAsync(answer.LargeToken.Text);
                break;
            case Wire.AnswerResponse.EventOneofCase.Completed:
                await CompleteAsync(answer.Completed);
                break;
        }
    }

    /// <summary>Ends a stream that has begun with an error.</summary>
    public async Task FailAsync(ChatErrorBody body)
    {
        await WriteAsync(body);
        await EndAsync();
    }

    /// <summary>Stops the heartbeats.</summary>
    public async Task QuietAsync()
    {
        await _over.CancelAsync();
        await _heartbeats;
    }

    public async ValueTask DisposeAsync()
    {
        await QuietAsync();
        _over.Dispose();
        _writing.Dispose();
    }

    public static string FinishReason(Wire.ModelRun run) => run.FinishReason == Wire.FinishReason.Length ? "length" : "stop";

    private async Task CompleteAsync(Wire.AnswerCompleted completed)
    {
        var run = completed.Large ?? completed.Small;
        var trail = ChatTrail.From(completed, null, _request.Includes);
        if (completed.Path == Wire.AnswerPath.Degraded && _wroteLarge)
        {
            // Half of the large model's answer has been sent as content; the small one's cannot take its place any more.
            await WriteAsync(Chunk(new ChatDelta(), null, trail with { SmallAnswer = completed.Small.Answer }));
            await FailAsync(ChatErrors.Body(StatusCodes.Status500InternalServerError, completed.Explanation, ChatDecision.Name(completed.Reason)));
            return;
        }

        if (completed.Path != Wire.AnswerPath.Escalated && !_request.SmallIsFinal)
        {
            await WriteAsync(Chunk(new ChatDelta { Content = completed.Answer }, null, null));
        }

        await WriteAsync(Chunk(new ChatDelta(), FinishReason(run), trail));
        if (_request.IncludeUsage)
        {
            await WriteAsync(new ChatChunkWithUsage { Id = _id, Created = _created, Model = _request.Model, Choices = [], Usage = ChatUsage.From(run.Usage) });
        }

        await EndAsync();
    }

    private async Task WriteTextAsync(string token)
    {
        if (_text.Take(token) is { Length: > 0 } text)
        {
            await WriteAsync(Chunk(new ChatDelta { Content = text }, null, null));
        }
    }

    private ChatChunk Chunk(ChatDelta delta, string? finishReason, ChatTrail? trail)
    {
        if (!_begun)
        {
            _begun = true;
            delta = delta with { Role = "assistant", Content = delta.Content ?? "" };
        }

        ChatChunkChoice[] choices = [new ChatChunkChoice { Delta = delta, FinishReason = finishReason }];
        return _request.IncludeUsage
            ? new ChatChunkWithUsage { Id = _id, Created = _created, Model = _request.Model, Choices = choices, Sgl = trail }
            : new ChatChunk { Id = _id, Created = _created, Model = _request.Model, Choices = choices, Sgl = trail };
    }

    private Task EndAsync() => SendAsync("data: [DONE]\n\n"u8.ToArray());

    private Task WriteAsync(object value) => SendAsync([.. "data: "u8, .. ChatJson.Bytes(value), .. "\n\n"u8]);

    private async Task SendAsync(byte[] bytes)
    {
        await _writing.WaitAsync(_cancellationToken);
        try
        {
            await SendLockedAsync(bytes);
            _quiet = false;
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task SendLockedAsync(byte[] bytes)
    {
        if (!Started)
        {
            Started = true;
            _response.ContentType = "text/event-stream; charset=utf-8";
            _response.Headers.CacheControl = "no-cache";
            _response.Headers["X-Accel-Buffering"] = "no"; // proxies that buffer would turn the stream into one late answer
        }

        await _response.Body.WriteAsync(bytes, _cancellationToken);
        await _response.Body.FlushAsync(_cancellationToken);
    }

    private async Task BeatAsync(TimeSpan interval, TimeProvider time)
    {
        var comment = ": waiting\n\n"u8.ToArray();
        try
        {
            using var timer = new PeriodicTimer(interval, time);
            while (await timer.WaitForNextTickAsync(_over.Token))
            {
                await _writing.WaitAsync(_over.Token);
                try
                {
                    if (_quiet)
                    {
                        await SendLockedAsync(comment);
                    }

                    _quiet = true;
                }
                finally
                {
                    _writing.Release();
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The stream is over, or the client is gone, which the answer's own writes tell.
        }
    }
}
