namespace Sgl.Router;

/// <summary>A streamed response. The small model's answer is held until it is final, as in <see cref="ChatStream"/>.</summary>
internal sealed class ResponseStream(EventStream events, ResponseRequest request, ResponseObject empty) : IAnswerStream
{
    private readonly AnswerText _text = new();
    private readonly AnswerTokens? _tokens = request.Chat.Logprobs ? new() : null;
    private readonly List<ChatTokenLogprob> _logprobs = [];
    private ChatDecision? _decision;
    private int _sequence;
    private bool _begun;
    private bool _wroteText;

    public async Task TakeAsync(int index, Wire.AnswerResponse answer)
    {
        _tokens?.Take(answer);
        switch (answer.EventCase)
        {
            case Wire.AnswerResponse.EventOneofCase.Layout:
                await BeginAsync();
                break;
            case Wire.AnswerResponse.EventOneofCase.SmallToken when request.Chat.SmallIsFinal:
                await TextAsync(_text.Take(answer.SmallToken.Text));
                break;
            case Wire.AnswerResponse.EventOneofCase.Decision:
                _decision = ChatDecision.From(answer.Decision);
                break;
            case Wire.AnswerResponse.EventOneofCase.LargeToken:
                await TextAsync(_text.Take(answer.LargeToken.Text));
                break;
            case Wire.AnswerResponse.EventOneofCase.Completed:
                await CompleteAsync(answer.Completed);
                break;
        }
    }

    public Task FailAsync(ChatErrorBody body) =>
        SendAsync(new ResponseEvent { Type = "error", SequenceNumber = 0, Code = body.Error.Code, Message = body.Error.Message, Param = body.Error.Param });

    private async Task BeginAsync()
    {
        if (!_begun)
        {
            _begun = true;
            await SendAsync(new ResponseEvent { Type = "response.created", SequenceNumber = 0, Response = empty });
            await SendAsync(new ResponseEvent { Type = "response.in_progress", SequenceNumber = 0, Response = empty });
        }
    }

    private async Task TextAsync(string text)
    {
        if (text.Length == 0)
        {
            return;
        }

        await OpenAsync();
        var told = _tokens?.Told().Content ?? [];
        _logprobs.AddRange(told);
        await SendAsync(Part("response.output_text.delta") with { Delta = text, Logprobs = told });
    }

    private async Task OpenAsync()
    {
        await BeginAsync();
        if (!_wroteText)
        {
            _wroteText = true;
            await SendAsync(new ResponseEvent
            {
                Type = "response.output_item.added",
                SequenceNumber = 0,
                OutputIndex = 0,
                Item = ResponseRequest.Message(empty, "in_progress", null),
            });
            await SendAsync(Part("response.content_part.added") with { Part = new ResponsePart { Text = "" } });
        }
    }

    private async Task CompleteAsync(Wire.AnswerCompleted completed)
    {
        var trail = ChatTrail.From(completed, _decision, request.Chat.Includes);
        if (completed.Path == Wire.AnswerPath.Degraded && _wroteText)
        {
            // Half of the large model's answer has been sent; the small one's cannot take its place any more.
            var failed = empty with
            {
                Status = "failed",
                Error = new ResponseError("server_error", completed.Explanation),
                Sgl = trail with { SmallAnswer = completed.Small.Answer },
            };
            await SendAsync(new ResponseEvent { Type = "response.failed", SequenceNumber = 0, Response = failed });
            return;
        }

        if (!_wroteText)
        {
            await TextAsync(completed.Answer);
        }

        await OpenAsync();
        _logprobs.AddRange(_tokens?.Rest(completed.Large ?? completed.Small)?.Content ?? []);
        var response = ResponseRequest.Whole(empty, completed, trail, new ChatLogprobs { Content = _logprobs });
        await SendAsync(Part("response.output_text.done") with { Text = completed.Answer, Logprobs = _logprobs });
        await SendAsync(Part("response.content_part.done") with { Part = response.Output[0].Content[0] });
        await SendAsync(new ResponseEvent { Type = "response.output_item.done", SequenceNumber = 0, OutputIndex = 0, Item = response.Output[0] });
        await SendAsync(new ResponseEvent { Type = $"response.{response.Status}", SequenceNumber = 0, Response = response });
    }

    private ResponseEvent Part(string type) => new()
    {
        Type = type,
        SequenceNumber = 0,
        ItemId = ResponseRequest.Message(empty, "", null).Id,
        OutputIndex = 0,
        ContentIndex = 0,
    };

    private Task SendAsync(ResponseEvent value) => events.SendAsync(ChatJson.Bytes(value with { SequenceNumber = _sequence++ }), value.Type);
}
