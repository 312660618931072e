using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>Many large requests at a router with little memory. Goals: it lives, takes what it has room for, refuses the rest, and answers the next question.</summary>
internal sealed class HeapScenario : IScenario
{
    private const long Heap = 512 << 20;
    private const int Requests = 24;
    private const int Size = 60 << 20;

    public string Name => "heap";

    public string Summary => "24 requests of 60 MiB at once, gRPC and then JSON, at a router whose heap is limited to 512 MiB";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        await using var trio = await ServiceTrio.StartAsync(options, routerHeap: Heap, cancellationToken: cancellationToken);
        section.Note("budget, MiB", await trio.Router.MetricAsync("sgl_bytes_in_flight_budget", cancellationToken) / (1 << 20));
        var client = new RouterService.RouterServiceClient(trio.RouterChannel);
        var message = new AnswerRequest();
        message.Images.Add(new V1.Image { Data = UnsafeByteOperations.UnsafeWrap(new byte[Size]) });
        message.Messages.Add(new ChatMessage { Role = ChatRole.User, Parts = { new ChatPart { Text = "What?" } } });
        var grpc = await Task.WhenAll(Enumerable.Range(0, Requests).Select(_ => Task.Run(AskAsync, cancellationToken)));
        Tell("gRPC", grpc.Select(c => c.ToString()));
        section.Expect("gRPC: taken (and found to be no picture)", grpc.Count(c => c == StatusCode.InvalidArgument), least: 1);
        section.Expect("gRPC: refused for want of memory", grpc.Count(c => c == StatusCode.ResourceExhausted), least: 1);
        section.Expect("gRPC: ended otherwise than by a refusal", grpc.Count(c => c is not (StatusCode.ResourceExhausted or StatusCode.InvalidArgument)), most: 0);

        var json = Body();
        using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(2) };
        var codes = await Task.WhenAll(Enumerable.Range(0, Requests).Select(_ => Task.Run(PostAsync, cancellationToken)));
        Tell("HTTP", codes.Select(c => c?.ToString() ?? "connection lost"));
        section.Expect("HTTP: taken (and found to be no picture)", codes.Count(c => c is HttpStatusCode.BadRequest), least: 1);
        section.Expect("HTTP: refused for want of memory", codes.Count(c => c is HttpStatusCode.TooManyRequests), least: 1);

        var next = await new RouterClient(trio.RouterChannel, Pictures.Distinct(1, options.Seed)).AskAsync(0, cancellationToken);
        section.Expect("the next question is answered", next.Ending == Ending.Answered ? 1 : 0, least: 1);

        void Tell(string kind, IEnumerable<string> endings)
        {
            foreach (var ending in endings.GroupBy(e => e))
            {
                section.Note($"{kind}: {ending.Key}", ending.Count());
            }
        }

        async Task<StatusCode> AskAsync()
        {
            try
            {
                using var call = client.Answer(message, deadline: DateTime.UtcNow.AddSeconds(60), cancellationToken: cancellationToken);
                await foreach (var _ in call.ResponseStream.ReadAllAsync(cancellationToken))
                {
                }

                return StatusCode.OK;
            }
            catch (RpcException e)
            {
                return e.StatusCode;
            }
        }

        // A server that refuses a body unread may close the connection while the client still sends.
        async Task<HttpStatusCode?> PostAsync()
        {
            using var content = new ByteArrayContent(json) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            try
            {
                using var response = await http.PostAsync(new Uri(trio.Router.Http!, "/v1/chat/completions"), content, cancellationToken);
                return response.StatusCode;
            }
            catch (HttpRequestException)
            {
                return null;
            }
        }
    }

    private static byte[] Body() => Encoding.ASCII.GetBytes(
        $$$"""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{Convert.ToBase64String(new byte[Size])}}}"}},{"type":"text","text":"What?"}]}]}""");
}
