using Microsoft.AspNetCore.Http;

namespace Sgl.Router;

/// <summary>A streamed chat completion: server-sent events of chunks, <c>[DONE]</c> at the end.</summary>
internal sealed class ChatStream(HttpResponse response, ChatRequest request, string requestId, long created, CancellationToken cancellationToken)
{
    private ChatDecision? _decision;
    private string _model = ChatModels.Router;
    private bool _wroteLarge;

    /// <summary>Whether the status line has left, so that an error can only be a chunk.</summary>
    public bool Started { get; private set; }

    /// <summary>Takes an event of the router.</summary>
    public async Task TakeAsync(Wire.AnswerResponse answer)
    {
        switch (answer.EventCase)
        {
            case Wire.AnswerResponse.EventOneofCase.SmallToken when request.Sgl?.Provisional == true:
                await WriteAsync(Chunk(new ChatText(), null, new ChatTrail { Provisional = answer.SmallToken.Text }));
                break;
            case Wire.AnswerResponse.EventOneofCase.Decision:
                _decision = ChatDecision.From(answer.Decision);
                await WriteAsync(Chunk(new ChatText { Role = "assistant", Content = "" }, null, new ChatTrail { Decision = _decision }));
                break;
            case Wire.AnswerResponse.EventOneofCase.LargeToken:
                _wroteLarge = true;
                await WriteAsync(Chunk(new ChatText { Content = answer.LargeToken.Text }, null, null));
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

    public static string FinishReason(Wire.ModelRun run) => run.FinishReason == Wire.FinishReason.Length ? "length" : "stop";

    private async Task CompleteAsync(Wire.AnswerCompleted completed)
    {
        var run = completed.Large ?? completed.Small;
        _model = run.Model;
        var trail = ChatTrail.From(completed, null);
        if (completed.Path == Wire.AnswerPath.Degraded && _wroteLarge)
        {
            // Half of the large model's answer has been sent as content; the small one's cannot take its place any more.
            await WriteAsync(Chunk(new ChatText(), null, trail with { SmallAnswer = completed.Small.Answer }));
            await FailAsync(new ChatErrorBody
            {
                Error = new ChatError { Message = completed.Explanation, Type = "server_error", Code = ChatDecision.Name(completed.Reason) },
            });
            return;
        }

        if (completed.Path != Wire.AnswerPath.Escalated)
        {
            await WriteAsync(Chunk(new ChatText { Content = completed.Answer }, null, null));
        }

        await WriteAsync(Chunk(new ChatText(), FinishReason(run), trail));
        if (request.StreamOptions?.IncludeUsage == true)
        {
            await WriteAsync(Chunk(null, null, null) with { Choices = [], Usage = ChatUsage.From(run.Usage) });
        }

        await EndAsync();
    }

    private ChatResponse Chunk(ChatText? delta, string? finishReason, ChatTrail? trail) => new()
    {
        Id = $"chatcmpl-{requestId}",
        Object = "chat.completion.chunk",
        Created = created,
        Model = _model,
        Choices = [new ChatChoice { Delta = delta, FinishReason = finishReason }],
        Sgl = trail,
    };

    private async Task EndAsync()
    {
        await response.Body.WriteAsync("data: [DONE]\n\n"u8.ToArray(), cancellationToken);
        await response.Body.FlushAsync(cancellationToken);
    }

    private async Task WriteAsync<T>(T value)
    {
        if (!Started)
        {
            Started = true;
            response.ContentType = "text/event-stream; charset=utf-8";
            response.Headers.CacheControl = "no-cache";
            response.Headers["X-Accel-Buffering"] = "no"; // proxies that buffer would turn the stream into one late answer
        }

        byte[] line = [.. "data: "u8, .. ChatJson.Bytes(value), .. "\n\n"u8];
        await response.Body.WriteAsync(line, cancellationToken);
        await response.Body.FlushAsync(cancellationToken);
    }
}
