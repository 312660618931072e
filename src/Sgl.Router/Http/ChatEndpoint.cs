using Microsoft.AspNetCore.Http;
using Sgl.Access;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>
/// <c>POST /v1/chat/completions</c> and <c>GET /v1/models</c>. Content that was sent cannot be taken back in this protocol, so the small model's answer is
/// held until it is final; the large model's tokens stream as they come, and those of a small model that was asked for by name.
/// </summary>
internal sealed class ChatEndpoint(AnswerPipeline pipeline, AnswerCalls calls, ServiceHealth health, TimeProvider time)
{
    /// <summary>Where it is.</summary>
    public const string Route = "/v1/chat/completions";

    private readonly long _started = time.GetUtcNow().ToUnixTimeSeconds();

    public Task CompleteAsync(HttpContext context)
    {
        var created = time.GetUtcNow().ToUnixTimeSeconds();
        return calls.RunAsync(
            context,
            Route,
            body => ChatRequestReader.Read(body.Root, pipeline.Models, pipeline.Policies, pipeline.Options.Http.MaxAnswers),
            (request, events, id) => new ChatStream(events, request, id, created),
            (_, answers, id) => Whole(answers, id, created));
    }

    public Task ModelsAsync(HttpContext context) => context.Response.WriteJsonAsync(
        StatusCodes.Status200OK, new ChatModelList { Data = [.. ChatModels.Names(pipeline.Models, pipeline.Policies).Select(Model)] });

    /// <summary><c>GET /v1/policies</c>.</summary>
    public Task PoliciesAsync(HttpContext context) =>
        context.Response.WriteJsonAsync(StatusCodes.Status200OK, new PolicyList { Data = [.. pipeline.Policies.ToWire().Policies.Select(PolicyEntry.From)] });

    /// <summary><c>GET /v1/sgl/info</c>.</summary>
    public Task InfoAsync(HttpContext context) =>
        context.Response.WriteJsonAsync(StatusCodes.Status200OK, InfoResponse.From(RouterInfo.Of(pipeline.Models, pipeline.Policies), calls.LongestBody));

    public Task ModelAsync(HttpContext context)
    {
        // The server decodes everything in a path but this.
        var name = ((string?)context.Request.RouteValues["model"] ?? "").Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        if (ChatModels.Names(pipeline.Models, pipeline.Policies).Contains(name))
        {
            return context.Response.WriteJsonAsync(StatusCodes.Status200OK, Model(name));
        }

        var status = ChatModels.NotFound(name, pipeline.Models, pipeline.Policies);
        ChatErrors.SetRetryAfter(context.Response, status);
        return context.Response.WriteJsonAsync(ChatErrors.HttpStatus(status), ChatErrors.Body(status, null));
    }

    public Task HealthAsync(HttpContext context)
    {
        // Reasons name what stands behind the router.
        var isStranger = AccessExtensions.IsStranger(context);
        if (health.IsServing)
        {
            return context.Response.WriteJsonAsync(StatusCodes.Status200OK, new ChatHealth { Note = !isStranger && health.Note is { Length: > 0 } note ? note : null });
        }

        var message = isStranger ? "Not serving." : $"Not serving: {health.Reason}.";
        return context.Response.WriteJsonAsync(StatusCodes.Status503ServiceUnavailable, ChatErrors.Body(StatusCodes.Status503ServiceUnavailable, message, "not_serving"));
    }

    private ChatModel Model(string name) => new() { Id = name, Created = _started };

    private static ChatResponse Whole(IReadOnlyList<CollectedAnswer> answers, string id, long created)
    {
        var isOne = answers.Count == 1;
        return new ChatResponse
        {
            Id = $"chatcmpl-{id}",
            Created = created,
            Model = answers[0].Run.Model,
            Choices =
            [
                .. answers.Select((answer, index) => new ChatChoice
                {
                    Index = index,
                    Message = new ChatAnswer { Content = answer.Completed.Answer },
                    Logprobs = answer.Logprobs(),
                    FinishReason = ChatStream.FinishReason(answer.Run),
                    Sgl = isOne ? null : answer.Trail(),
                }),
            ],
            Usage = ChatUsage.From([.. answers.Select(a => a.Run.Usage)]),
            Sgl = isOne ? answers[0].Trail() : null,
        };
    }
}
