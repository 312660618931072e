using Microsoft.AspNetCore.Http;

namespace Sgl.Router;

/// <summary>One answer of a streamed chat completion.</summary>
/// <param name="stream">Gets its chunks.</param>
/// <param name="request">What was asked.</param>
/// <param name="index">Which of the answers it is.</param>
internal sealed class ChoiceStream(ChatStream stream, ChatRequest request, int index)
{
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
                await WriteAsync(new ChatDelta(), null, new ChatTrail { Layout = ChatLayout.From(answer.Layout) });
                break;
            case Wire.AnswerResponse.EventOneofCase.SmallToken when request.SmallIsFinal:
                await WriteTextAsync(answer.SmallToken.Text);
                break;
            case Wire.AnswerResponse.EventOneofCase.SmallToken when request.Provisional:
                await WriteAsync(new ChatDelta(), null, new ChatTrail { Provisional = answer.SmallToken.Text });
                break;
            case Wire.AnswerResponse.EventOneofCase.Decision:
                await WriteAsync(new ChatDelta(), null, new ChatTrail { Decision = ChatDecision.From(answer.Decision) });
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

    private async Task CompleteAsync(Wire.AnswerCompleted completed)
    {
        var run = completed.Large ?? completed.Small;
        var trail = ChatTrail.From(completed, null, request.Includes);
        if (completed.Path == Wire.AnswerPath.Degraded && _wroteLarge)
        {
            // Half of the large model's answer has been sent as content; the small one's cannot take its place any more.
            await WriteAsync(new ChatDelta(), null, trail with { SmallAnswer = completed.Small.Answer });
            await stream.FailAsync(ChatErrors.Body(StatusCodes.Status500InternalServerError, completed.Explanation, ChatDecision.Name(completed.Reason)));
            return;
        }

        if (completed.Path != Wire.AnswerPath.Escalated && !request.SmallIsFinal)
        {
            await WriteAsync(new ChatDelta { Content = completed.Answer }, null, null, _tokens?.Told());
        }

        await WriteAsync(new ChatDelta(), ChatStream.FinishReason(run), trail, _tokens?.Rest(run));
        await stream.CompleteAsync(index, run);
    }

    private async Task WriteTextAsync(string token)
    {
        if (_text.Take(token) is { Length: > 0 } text)
        {
            await WriteAsync(new ChatDelta { Content = text }, null, null, _tokens?.Told());
        }
    }

    private Task WriteAsync(ChatDelta delta, string? finishReason, ChatTrail? trail, ChatLogprobs? logprobs = null)
    {
        if (!_begun)
        {
            _begun = true;
            delta = delta with { Role = "assistant", Content = delta.Content ?? "" };
        }

        return stream.WriteAsync(new ChatChunkChoice { Index = index, Delta = delta, Logprobs = logprobs, FinishReason = finishReason }, trail);
    }
}
