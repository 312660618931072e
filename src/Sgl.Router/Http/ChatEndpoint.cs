using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>
/// <c>POST /v1/chat/completions</c> and <c>GET /v1/models</c>. Content that was sent cannot be taken back in this protocol, so the small model's answer is
/// held until it is final; the large model's tokens stream as they come, and those of a small model that was asked for by name.
/// </summary>
internal sealed class ChatEndpoint(
    AnswerPipeline pipeline, HttpCalls calls, ITenants tenants, ServiceHealth health, IOptions<ServiceListenOptions> listen, IOptions<RouterOptions> options, TimeProvider time)
{
    private const string Route = "/v1/chat/completions";

    private readonly long _started = time.GetUtcNow().ToUnixTimeSeconds();

    // Images are base64 here: four characters for three bytes.
    private long LongestBody => listen.Value.MaxReceiveMessageBytes / 3L * 4;

    public async Task CompleteAsync(HttpContext context)
    {
        ChatRequest? request = null;
        ChatStream? stream = null;
        try
        {
            await calls.RunAsync(context, Route, AnswerAsync, FailAsync);
        }
        finally
        {
            if (stream is not null)
            {
                await stream.DisposeAsync();
            }
        }

        async Task AnswerAsync(CancellationToken cancellationToken)
        {
            // The body is given back before the models are asked.
            using (var body = await ChatBody.ReadAsync(context, LongestBody, cancellationToken))
            {
                request = ChatRequestReader.Read(body.Root, pipeline.Models, pipeline.Policies);
            }

            var call = AnswerCall.From(context, tenants, cancellationToken);
            if (request.Stream)
            {
                stream = new ChatStream(context.Response, request, call.RequestId, time, options.Value.Http.Heartbeat, cancellationToken);
                await pipeline.AnswerAsync(request.Answer, call, stream.TakeAsync);
                return;
            }

            var created = time.GetUtcNow().ToUnixTimeSeconds();
            ChatDecision? decision = null;
            Wire.AnswerCompleted? completed = null;
            Wire.PromptLayout? layout = null;
            await pipeline.AnswerAsync(request.Answer, call, response =>
            {
                decision = response.Decision is { } d ? ChatDecision.From(d) : decision;
                completed = response.Completed ?? completed;
                layout = response.Layout ?? layout;
                return Task.CompletedTask;
            });
            await context.Response.WriteJsonAsync(StatusCodes.Status200OK, Whole(Trail(completed!, decision, layout, request.Includes), completed!, call.RequestId, created));
        }

        async Task FailAsync(Google.Rpc.Status status)
        {
            var body = ChatErrors.Body(status, request?.Names);
            if (stream is not null)
            {
                // A heartbeat must not come between.
                await stream.QuietAsync();
                if (stream.Started)
                {
                    await stream.FailAsync(body);
                    return;
                }
            }

            ChatErrors.SetRetryAfter(context.Response, status);
            await context.Response.WriteJsonAsync(ChatErrors.HttpStatus(status), body);
        }
    }

    public Task ModelsAsync(HttpContext context) => context.Response.WriteJsonAsync(
        StatusCodes.Status200OK, new ChatModelList { Data = [.. ChatModels.Names(pipeline.Models, pipeline.Policies).Select(Model)] });

    /// <summary><c>GET /v1/policies</c>.</summary>
    public Task PoliciesAsync(HttpContext context) =>
        context.Response.WriteJsonAsync(StatusCodes.Status200OK, new PolicyList { Data = [.. pipeline.Policies.ToWire().Policies.Select(PolicyEntry.From)] });

    /// <summary><c>GET /v1/sgl/info</c>.</summary>
    public Task InfoAsync(HttpContext context) =>
        context.Response.WriteJsonAsync(StatusCodes.Status200OK, InfoResponse.From(RouterInfo.Of(pipeline.Models, pipeline.Policies), LongestBody));

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

    public Task HealthAsync(HttpContext context) => health.IsServing
        ? context.Response.WriteJsonAsync(StatusCodes.Status200OK, new ChatHealth { Note = health.Note is { Length: > 0 } note ? note : null })
        : context.Response.WriteJsonAsync(
            StatusCodes.Status503ServiceUnavailable, ChatErrors.Body(StatusCodes.Status503ServiceUnavailable, $"Not serving: {health.Reason}.", "not_serving"));

    private ChatModel Model(string name) => new() { Id = name, Created = _started };

    private static ChatTrail Trail(Wire.AnswerCompleted completed, ChatDecision? decision, Wire.PromptLayout? layout, ChatIncludes includes) =>
        ChatTrail.From(completed, decision, includes) with { Layout = includes.HasFlag(ChatIncludes.Layout) && layout is not null ? ChatLayout.From(layout) : null };

    private static ChatResponse Whole(ChatTrail trail, Wire.AnswerCompleted completed, string id, long created)
    {
        var run = completed.Large ?? completed.Small;
        return new ChatResponse
        {
            Id = $"chatcmpl-{id}",
            Created = created,
            Model = run.Model,
            Choices = [new ChatChoice { Message = new ChatAnswer { Content = completed.Answer }, FinishReason = ChatStream.FinishReason(run) }],
            Usage = ChatUsage.From(run.Usage),
            Sgl = trail,
        };
    }
}
