using System.Text.Json;
using Google.Rpc;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>
/// <c>POST /v1/chat/completions</c> and <c>GET /v1/models</c>. Content that was sent cannot be taken back in this protocol, so the small model's answer is
/// held until it is final; the large model's tokens stream as they come.
/// </summary>
internal sealed class ChatEndpoint(AnswerPipeline pipeline, HttpCalls calls, IOptions<ServiceListenOptions> listen, TimeProvider time)
{
    private const string Route = "/v1/chat/completions";

    public Task CompleteAsync(HttpContext context)
    {
        ChatRequestReader? reader = null;
        ChatStream? stream = null;
        return calls.RunAsync(context, Route, AnswerAsync, FailAsync);

        async Task AnswerAsync(CancellationToken cancellationToken)
        {
            var chat = await ReadBodyAsync(context, cancellationToken);
            reader = ChatRequestReader.Read(chat, pipeline.Models);
            var call = new AnswerCall(RequestIds.Of(context), DateTimeOffset.MaxValue, cancellationToken);
            var created = time.GetUtcNow().ToUnixTimeSeconds();
            if (chat.Stream)
            {
                stream = new ChatStream(context.Response, chat, call.RequestId, created, cancellationToken);
                await pipeline.AnswerAsync(reader.Request, call, stream.TakeAsync);
                return;
            }

            ChatDecision? decision = null;
            Wire.AnswerCompleted? completed = null;
            await pipeline.AnswerAsync(reader.Request, call, response =>
            {
                decision = response.Decision is { } d ? ChatDecision.From(d) : decision;
                completed = response.Completed ?? completed;
                return Task.CompletedTask;
            });
            await WriteAsync(context, StatusCodes.Status200OK, Whole(completed!, decision, call.RequestId, created));
        }

        async Task FailAsync(Google.Rpc.Status status)
        {
            var body = ChatErrors.Body(status, reader is null ? f => f : reader.HttpField);
            if (stream is { Started: true })
            {
                await stream.FailAsync(body);
                return;
            }

            ChatErrors.SetRetryAfter(context.Response, status);
            var code = status.GetDetail<ErrorInfo>()?.Reason == ErrorReasons.MessageTooLarge ? StatusCodes.Status413PayloadTooLarge : ChatErrors.HttpStatus(status);
            await WriteAsync(context, code, body);
        }
    }

    public Task ModelsAsync(HttpContext context) => WriteAsync(context, StatusCodes.Status200OK, new
    {
        Object = "list",
        Data = ChatModels.Names(pipeline.Models).Select(n => new { Id = n, Object = "model", OwnedBy = "sgl" }),
    });

    private static ChatResponse Whole(Wire.AnswerCompleted completed, ChatDecision? decision, string id, long created)
    {
        var run = completed.Large ?? completed.Small;
        return new ChatResponse
        {
            Id = $"chatcmpl-{id}",
            Object = "chat.completion",
            Created = created,
            Model = run.Model,
            Choices =
            [
                new ChatChoice { Message = new ChatText { Role = "assistant", Content = completed.Answer }, FinishReason = ChatStream.FinishReason(run) },
            ],
            Usage = ChatUsage.From(run.Usage),
            Sgl = ChatTrail.From(completed, decision),
        };
    }

    private async Task<ChatRequest> ReadBodyAsync(HttpContext context, CancellationToken cancellationToken)
    {
        // Images are base64 here: four characters for three bytes.
        var limit = listen.Value.MaxReceiveMessageBytes / 3L * 4;
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature)
        {
            feature.MaxRequestBodySize = limit;
        }

        try
        {
            return await JsonSerializer.DeserializeAsync<ChatRequest>(context.Request.Body, ChatJson.Options, cancellationToken)
                ?? throw new RequestFaultException("body", "is null; send a JSON object");
        }
        catch (JsonException e)
        {
            throw new RequestFaultException(e.Path is { Length: > 2 } path ? path[2..] : "body", Describe(e));
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw Faults.MessageTooLarge(limit).ToRpcException();
        }
    }

    // A value of another type is told with the name of a class of ours, which says nothing to a client.
    private static string Describe(JsonException e) => e.Message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal)
        ? FormattableString.Invariant($"is of another type, or out of range (line {e.LineNumber + 1}, byte {e.BytePositionInLine})")
        : $"is not JSON: {e.Message}";

    private static async Task WriteAsync<T>(HttpContext context, int status, T body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json; charset=utf-8";
        await context.Response.Body.WriteAsync(ChatJson.Bytes(body), context.RequestAborted);
    }
}
