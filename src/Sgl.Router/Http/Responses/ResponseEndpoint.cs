using Microsoft.AspNetCore.Http;

namespace Sgl.Router;

/// <summary><c>POST /v1/responses</c>: the same questions and answers as <see cref="ChatEndpoint"/>, in the terms of OpenAI's newer protocol.</summary>
internal sealed class ResponseEndpoint(AnswerPipeline pipeline, AnswerCalls calls, TimeProvider time)
{
    /// <summary>Where it is.</summary>
    public const string Route = "/v1/responses";

    public Task CreateAsync(HttpContext context)
    {
        var created = time.GetUtcNow().ToUnixTimeSeconds();
        return calls.RunAsync(
            context,
            Route,
            body => ChatRequestReader.ReadResponse(body.Root, pipeline.Models, pipeline.Policies),
            (request, events, id) => new ResponseStream(events, request, request.Empty(id, created)),
            (request, answers, id) => ResponseRequest.Whole(request.Empty(id, created), answers[0].Completed, answers[0].Trail(), answers[0].Logprobs()));
    }
}
