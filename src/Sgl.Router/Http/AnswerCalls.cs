using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>What the endpoints that answer questions have in common: the body, the question to the router, and errors before and within a stream.</summary>
internal sealed class AnswerCalls(
    AnswerPipeline pipeline, HttpCalls calls, ITenants tenants, IOptions<ServiceListenOptions> listen, IOptions<RouterOptions> options, TimeProvider time)
{
    /// <summary>Most bytes of a body. Images are base64 there: four characters for three bytes.</summary>
    public long LongestBody => listen.Value.MaxReceiveMessageBytes / 3L * 4;

    /// <summary>Answers a question.</summary>
    /// <param name="context">The request.</param>
    /// <param name="route">Its route, for log and metrics.</param>
    /// <param name="read">Reads the body, which is given back before the models are asked.</param>
    /// <param name="open">Makes the stream of what was read, for a question that wants one.</param>
    /// <param name="whole">The answers of what was read, for one that does not.</param>
    public async Task RunAsync<T>(
        HttpContext context, string route, Func<ChatBody, T> read, Func<T, EventStream, string, IAnswerStream> open, Func<T, IReadOnlyList<CollectedAnswer>, string, object> whole)
        where T : IQuestion
    {
        T? question = default;
        EventStream? events = null;
        IAnswerStream? stream = null;
        try
        {
            await calls.RunAsync(context, route, AnswerAsync, FailAsync);
        }
        finally
        {
            if (events is not null)
            {
                await events.DisposeAsync();
            }
        }

        async Task AnswerAsync(CancellationToken cancellationToken)
        {
            using (var body = await ChatBody.ReadAsync(context, LongestBody, cancellationToken))
            {
                question = read(body);
            }

            var call = AnswerCall.From(context, tenants, cancellationToken);
            if (question.Chat.Stream)
            {
                events = new EventStream(context.Response, time, options.Value.Http.Heartbeat, cancellationToken);
                stream = open(question, events, call.RequestId);
                await AnswerSet.AskAsync(pipeline, question.Chat, call, stream.TakeAsync);
                return;
            }

            var answers = Enumerable.Range(0, question.Chat.Count).Select(_ => new CollectedAnswer(question.Chat)).ToList();
            await AnswerSet.AskAsync(pipeline, question.Chat, call, (index, response) => answers[index].TakeAsync(response));
            await context.Response.WriteJsonAsync(StatusCodes.Status200OK, whole(question, answers, call.RequestId));
        }

        async Task FailAsync(Google.Rpc.Status status)
        {
            var body = ChatErrors.Body(status, question?.Chat.Names);
            if (events is not null)
            {
                // A heartbeat must not come between.
                await events.QuietAsync();
                if (events.Started)
                {
                    await stream!.FailAsync(body);
                    return;
                }
            }

            ChatErrors.SetRetryAfter(context.Response, status);
            await context.Response.WriteJsonAsync(ChatErrors.HttpStatus(status), body);
        }
    }
}

/// <summary>A question as an endpoint read it.</summary>
internal interface IQuestion
{
    /// <summary>The question itself.</summary>
    ChatRequest Chat { get; }
}
