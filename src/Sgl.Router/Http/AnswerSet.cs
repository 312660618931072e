using System.Runtime.ExceptionServices;
using Sgl.Router.Internal;

namespace Sgl.Router;

/// <summary>
/// Asks one question as often as a request wants answers. Greedy answers are all the same: they are made once and told as often. Sampled ones are made side by side,
/// each with a decision of its own; where one fails, so does the request.
/// </summary>
internal static class AnswerSet
{
    /// <summary>Asks.</summary>
    /// <param name="pipeline">Answers.</param>
    /// <param name="chat">The question.</param>
    /// <param name="call">Who asks and until when.</param>
    /// <param name="emit">Takes each event with the index of its answer; events of different answers may come at once.</param>
    public static Task AskAsync(AnswerPipeline pipeline, ChatRequest chat, AnswerCall call, Func<int, Wire.AnswerResponse, Task> emit) =>
        chat.Count == 1 ? pipeline.AnswerAsync(chat.Answer, call, response => emit(0, response))
        : chat.Answer.Sampling.Temperature == 0 ? pipeline.AnswerAsync(chat.Answer, call, response => TellAllAsync(chat.Count, response, emit))
        : SampleAsync(pipeline, chat, call, emit);

    private static async Task TellAllAsync(int count, Wire.AnswerResponse response, Func<int, Wire.AnswerResponse, Task> emit)
    {
        for (var i = 0; i < count; i++)
        {
            await emit(i, response);
        }
    }

    private static async Task SampleAsync(AnswerPipeline pipeline, ChatRequest chat, AnswerCall call, Func<int, Wire.AnswerResponse, Task> emit)
    {
        using var together = CancellationTokenSource.CreateLinkedTokenSource(call.CancellationToken);
        var own = call with { CancellationToken = together.Token };
        ExceptionDispatchInfo? failure = null;
        await Task.WhenAll(Enumerable.Range(0, chat.Count).Select(OneAsync));
        failure?.Throw();

        async Task OneAsync(int index)
        {
            using var activity = RouterActivity.Answer(index);
            try
            {
                await pipeline.AnswerAsync(Seeded(chat.Answer, index), own, response => emit(index, response));
            }
            catch (Exception e)
            {
                // The others end because of this one: theirs is not the failure to tell.
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
                await together.CancelAsync();
            }
        }
    }

    // Equal seeds would give equal answers.
    private static Wire.AnswerRequest Seeded(Wire.AnswerRequest request, int index)
    {
        if (index == 0 || !request.Sampling.HasSeed)
        {
            return request;
        }

        var other = request.Clone();
        other.Sampling.Seed = unchecked(request.Sampling.Seed + (ulong)index);
        return other;
    }
}
