using Microsoft.AspNetCore.Http;

namespace Sgl.Router;

/// <summary>A streamed chat completion: server-sent events of chunks, <c>[DONE]</c> at the end.</summary>
/// <param name="events">Gets the chunks.</param>
/// <param name="request">What was asked.</param>
/// <param name="requestId">Correlation id.</param>
/// <param name="created">When it was asked, in seconds since 1970.</param>
internal sealed class ChatStream(EventStream events, ChatRequest request, string requestId, long created) : IAnswerStream
{
    private readonly string _id = $"chatcmpl-{requestId}";
    private readonly AnswerText _text = new();
    private readonly AnswerTokens? _tokens = request.Logprobs ? new() : null;
    private bool _begun;
    private bool _wroteLarge;

    /// <summary>Takes an event of the router.</summary>
    public async Task TakeAsync(Wire.AnswerResponse answer)
    {
        _tokens?.Take(answer);
        switch (answer.EventCase)
        {
            case Wire.AnswerResponse.EventOneofCase.Layout when request.Includes.HasFlag(ChatIncludes.Layout):
                await WriteAsync(Chunk(new ChatDelta(), null, new ChatTrail { Layout = ChatLayout.From(answer.Layout) }));
                break;
            case Wire.AnswerResponse.EventOneofCase.SmallToken when request.SmallIsFinal:
                await WriteTextAsync(answer.SmallToken.Text);
                break;
            case Wire.AnswerResponse.EventOneofCase.SmallToken when request.Provisional:
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

    public static string FinishReason(Wire.ModelRun run) => run.FinishReason == Wire.FinishReason.Length ? "length" : "stop";

    private async Task CompleteAsync(Wire.AnswerCompleted completed)
    {
        var run = completed.Large ?? completed.Small;
        var trail = ChatTrail.From(completed, null, request.Includes);
        if (completed.Path == Wire.AnswerPath.Degraded && _wroteLarge)
        {
            // Half of the large model's answer has been sent as content; the small one's cannot take its place any more.
            await WriteAsync(Chunk(new ChatDelta(), null, trail with { SmallAnswer = completed.Small.Answer }));
            await FailAsync(ChatErrors.Body(StatusCodes.Status500InternalServerError, completed.Explanation, ChatDecision.Name(completed.Reason)));
            return;
        }

        if (completed.Path != Wire.AnswerPath.Escalated && !request.SmallIsFinal)
        {
            await WriteAsync(Chunk(new ChatDelta { Content = completed.Answer }, null, null, _tokens?.Told()));
        }

        await WriteAsync(Chunk(new ChatDelta(), FinishReason(run), trail, _tokens?.Rest(run)));
        if (request.IncludeUsage)
        {
            await WriteAsync(new ChatChunkWithUsage { Id = _id, Created = created, Model = request.Model, Choices = [], Usage = ChatUsage.From(run.Usage) });
        }

        await EndAsync();
    }

    private async Task WriteTextAsync(string token)
    {
        if (_text.Take(token) is { Length: > 0 } text)
        {
            await WriteAsync(Chunk(new ChatDelta { Content = text }, null, null, _tokens?.Told()));
        }
    }

    private ChatChunk Chunk(ChatDelta delta, string? finishReason, ChatTrail? trail, ChatLogprobs? logprobs = null)
    {
        if (!_begun)
        {
            _begun = true;
            delta = delta with { Role = "assistant", Content = delta.Content ?? "" };
        }

        ChatChunkChoice[] choices = [new ChatChunkChoice { Delta = delta, Logprobs = logprobs, FinishReason = finishReason }];
        return request.IncludeUsage
            ? new ChatChunkWithUsage { Id = _id, Created = created, Model = request.Model, Choices = choices, Sgl = trail }
            : new ChatChunk { Id = _id, Created = created, Model = request.Model, Choices = choices, Sgl = trail };
    }

    private Task EndAsync() => events.SendAsync("[DONE]"u8.ToArray());

    private Task WriteAsync(object value) => events.SendAsync(ChatJson.Bytes(value));
}
