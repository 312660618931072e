using System.Net;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Grpc.Net.Client.Web;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class GrpcWebTests : IAsyncLifetime
{
    private const string Origin = "https://chat.example.org";
    private Trio _trio = null!;

    public async Task InitializeAsync() => _trio = await Trio.StartAsync(
        (small, _) => small.Scores = _ => SmallPeer.Decision(0.1),
        ("Listen:MaxReceiveMessageBytes", "30000"), ("Router:Http:AllowedOrigins:0", Origin));

    public async Task DisposeAsync() => await _trio.DisposeAsync();

    [Theory]
    [InlineData(GrpcWebMode.GrpcWeb)]
    [InlineData(GrpcWebMode.GrpcWebText)]
    public async Task Answer_OverHttp1_TheSameEventsAsGrpc(GrpcWebMode mode)
    {
        using var channel = Channel(mode);
        var events = new List<Wire.AnswerResponse>();

        using var call = new Wire.RouterService.RouterServiceClient(channel).Answer(Trio.Request());
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            events.Add(response);
        }

        Assert.Equal("forty-two", events[^1].Completed.Answer);
        Assert.Equal((await _trio.AskAsync(Trio.Request())).Select(e => e.EventCase), events.Select(e => e.EventCase));
        Assert.Equal(2, await _trio.MetricAsync("sgl_grpc_requests_total", "Answer", "code=\"OK\""));
    }

    [Fact]
    public async Task Answer_WhileItRuns_TokensComeOneByOne()
    {
        _trio.Small.AfterTokens = TimeSpan.FromMinutes(5);
        using var channel = Channel(GrpcWebMode.GrpcWebText);
        using var call = new Wire.RouterService.RouterServiceClient(channel).Answer(Trio.Request());

        var text = "";
        while (text != "forty two" && await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            text += call.ResponseStream.Current.SmallToken?.Text;
        }

        Assert.Equal("forty two", text);
        call.Dispose();
        await _trio.Small.Cancelled.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData(GrpcWebMode.GrpcWeb)]
    [InlineData(GrpcWebMode.GrpcWebText)]
    public async Task Answer_Wrong_StatusWithTheField(GrpcWebMode mode)
    {
        using var channel = Channel(mode);
        using var call = new Wire.RouterService.RouterServiceClient(channel).Answer(new Wire.AnswerRequest());

        var e = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        Assert.Contains("messages", e.GetRpcStatus()!.GetDetail<BadRequest>().FieldViolations.Select(v => v.Field));
    }

    [Theory]
    [InlineData(GrpcWebMode.GrpcWeb)]
    [InlineData(GrpcWebMode.GrpcWebText)]
    public async Task Answer_MessageTooLong_RefusedWithTheLimit(GrpcWebMode mode)
    {
        using var channel = Channel(mode);
        var request = Trio.Request();
        request.Images[0].Data = ByteString.CopyFrom(new byte[40_000]);
        using var call = new Wire.RouterService.RouterServiceClient(channel).Answer(request);

        var e = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
        Assert.Contains("30000", e.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetInfo_Unary_BothModels()
    {
        using var channel = Channel(GrpcWebMode.GrpcWeb);

        var info = await new Wire.RouterService.RouterServiceClient(channel).GetInfoAsync(new());

        Assert.Equal(("small-peer", "large-peer"), (info.Small.Name, info.Large.Name));
    }

    [Fact]
    public async Task OtherServices_OverGrpcWeb_AreNotThere()
    {
        using var channel = Channel(GrpcWebMode.GrpcWeb);

        await Assert.ThrowsAsync<RpcException>(async () => await new Health.HealthClient(channel).CheckAsync(new HealthCheckRequest()));
    }

    [Theory]
    [InlineData("application/grpc-web+proto")]
    [InlineData("application/grpc-web-text")]
    public async Task Preflight_Allowed_AndTheAnswerShowsItsStatus(string type)
    {
        using var preflight = await SendAsync(HttpMethod.Options, null);
        using var answer = await SendAsync(HttpMethod.Post, type);

        Assert.Equal(HttpStatusCode.NoContent, preflight.StatusCode);
        Assert.Equal("content-type,x-grpc-web,authorization", preflight.Headers.GetValues("Access-Control-Allow-Headers").Single());
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(Origin, answer.Headers.GetValues("Access-Control-Allow-Origin").Single());
        Assert.Contains("grpc-status", answer.Headers.GetValues("Access-Control-Expose-Headers").Single(), StringComparison.Ordinal);
        Assert.StartsWith("application/grpc-web", answer.Content.Headers.ContentType!.MediaType, StringComparison.Ordinal);
        var body = await answer.Content.ReadAsByteArrayAsync();
        Assert.Contains("grpc-status: 0", System.Text.Encoding.ASCII.GetString(Decoded(body, type)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_SimpleContentType_NeverReachesTheService()
    {
        // What a page may send to anyone without asking first.
        using var answer = await SendAsync(HttpMethod.Post, "text/plain");

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
    }

    private GrpcChannel Channel(GrpcWebMode mode) => GrpcChannel.ForAddress(
        _trio.Endpoints.Http!, new GrpcChannelOptions { HttpHandler = new GrpcWebHandler(mode, new HttpClientHandler()), HttpVersion = HttpVersion.Version11 });

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string? type)
    {
        var request = new HttpRequestMessage(method, new Uri(_trio.Endpoints.Http!, "/sgl.v1.RouterService/GetInfo")) { Headers = { { "Origin", Origin } } };
        if (type is null)
        {
            request.Headers.Add("Access-Control-Request-Method", "POST");
            request.Headers.Add("Access-Control-Request-Headers", "content-type,x-grpc-web,authorization");
        }
        else
        {
            byte[] empty = [0, 0, 0, 0, 0];
            request.Content = new ByteArrayContent(type.EndsWith("-text", StringComparison.Ordinal) ? System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(empty)) : empty);
            request.Content.Headers.ContentType = new(type);
            request.Headers.Accept.Add(new(type));
        }

        return _trio.Http.SendAsync(request);
    }

    // Base64 comes in padded pieces.
    private static byte[] Decoded(byte[] body, string type) => type.EndsWith("-text", StringComparison.Ordinal)
        ? [.. System.Text.Encoding.ASCII.GetString(body).Chunk(4).SelectMany(c => Convert.FromBase64String(new string(c)))]
        : body;
}
