namespace Sgl.Router;

/// <summary>A streamed chat completion: server-sent events of chunks, those of several answers mixed, <c>[DONE]</c> at the end.</summary>
internal sealed class ChatStream : IAnswerStream
{
    private readonly EventStream _events;
    private readonly ChatRequest _request;
    private readonly string _id;
    private readonly long _created;
    private readonly ChoiceStream[] _choices;
    private readonly Wire.Usage?[] _usage;
    private int _left;
    private int _over;

    /// <param name="events">Gets the chunks.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="requestId">Correlation id.</param>
    /// <param name="created">When it was asked, in seconds since 1970.</param>
    public ChatStream(EventStream events, ChatRequest request, string requestId, long created)
    {
        (_events, _request, _id, _created, _left) = (events, request, $"chatcmpl-{requestId}", created, request.Count);
        _choices = [.. Enumerable.Range(0, request.Count).Select(index => new ChoiceStream(this, request, index))];
        _usage = new Wire.Usage?[request.Count];
    }

    /// <inheritdoc/>
    public Task TakeAsync(int index, Wire.AnswerResponse answer) => _choices[index].TakeAsync(answer);

    /// <summary>Ends a stream that has begun with an error.</summary>
    public async Task FailAsync(ChatErrorBody body)
    {
        if (Interlocked.Exchange(ref _over, 1) == 0)
        {
            await _events.SendAsync(ChatJson.Bytes(body));
            await EndAsync();
        }
    }

    public static string FinishReason(Wire.ModelRun run) => FinishReason(run.FinishReason);

    /// <summary>A reason as OpenAI's API calls it.</summary>
    public static string FinishReason(Wire.FinishReason reason) => reason switch
    {
        Wire.FinishReason.Length => "length",
        Wire.FinishReason.ContentFilter => "content_filter",
        _ => "stop",
    };

    /// <summary>Sends a piece of an answer.</summary>
    internal Task WriteAsync(ChatChunkChoice choice, ChatTrail? trail) => WriteAsync([choice], trail, usage: null);

    /// <summary>Takes note of an answer's end; the last one ends the stream.</summary>
    internal async Task CompleteAsync(int index, Wire.ModelRun run)
    {
        _usage[index] = run.Usage;
        if (Interlocked.Decrement(ref _left) > 0)
        {
            return;
        }

        if (_request.IncludeUsage)
        {
            await WriteAsync([], trail: null, ChatUsage.From(_usage));
        }

        if (Interlocked.Exchange(ref _over, 1) == 0)
        {
            await EndAsync();
        }
    }

    // What comes behind an error is not told.
    private Task WriteAsync(IReadOnlyList<ChatChunkChoice> choices, ChatTrail? trail, ChatUsage? usage) =>
        Volatile.Read(ref _over) != 0 ? Task.CompletedTask : _events.SendAsync(ChatJson.Bytes(_request.IncludeUsage
            ? new ChatChunkWithUsage { Id = _id, Created = _created, Model = _request.Model, Choices = choices, Sgl = trail, Usage = usage }
            : new ChatChunk { Id = _id, Created = _created, Model = _request.Model, Choices = choices, Sgl = trail }));

    private Task EndAsync() => _events.SendAsync("[DONE]"u8.ToArray());
}
