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
            body => ChatRequestReader.Read(body.Root, pipeline.Models, pipeline.Policies),
            (request, events, id) => new ChatStream(events, request, id, created),
            (request, completed, trail, tokens, id) => Whole(trail, completed, request.Logprobs ? tokens : null, id, created));
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

    private static ChatResponse Whole(ChatTrail trail, Wire.AnswerCompleted completed, AnswerTokens? tokens, string id, long created)
    {
        var run = completed.Large ?? completed.Small;
        var logprobs = tokens?.Told();
        if (tokens?.Rest(run) is { } rest)
        {
            logprobs = new ChatLogprobs { Content = [.. logprobs!.Content, .. rest.Content] };
        }

        return new ChatResponse
        {
            Id = $"chatcmpl-{id}",
            Created = created,
            Model = run.Model,
            Choices = [new ChatChoice { Message = new ChatAnswer { Content = completed.Answer }, Logprobs = logprobs, FinishReason = ChatStream.FinishReason(run) }],
            Usage = ChatUsage.From(run.Usage),
            Sgl = trail,
        };
    }
}
