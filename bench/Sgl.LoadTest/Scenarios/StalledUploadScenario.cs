using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Net.Client;

namespace Sgl.LoadTest;

/// <summary>One upload stops half-way on a connection that others use. Goals: it ends by its own timeout; nobody beside it fails.</summary>
internal sealed class StalledUploadScenario : IScenario
{
    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(8);

    public string Name => "stalled";

    public string Summary => "a stalled upload beside healthy questions on one connection, at router, small and large service";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        var names = new[] { "router", "small", "large" };
        await using var trio = await ServiceTrio.StartAsync(options, settings: [.. names.Select(n => $"{n}:Calls:ReadTimeout={ReadTimeout}")], cancellationToken: cancellationToken);
        using var handler = new SocketsHttpHandler();
        using var channel = GrpcChannel.ForAddress(trio.Router.Grpc, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = false });
        using var http = new HttpMessageInvoker(handler, disposeHandler: false);
        var client = new RouterClient(channel, Pictures.Distinct(64, options.Seed));
        await client.AskAsync(0, cancellationToken);
        var started = Stopwatch.GetTimestamp();
        var stalled = StallAsync(http, trio.Router.Grpc, "/sgl.v1.RouterService/Answer", cancellationToken);
        var outcomes = await LoadGenerator.FixedAsync(2, ReadTimeout * 2, client.AskAsync, cancellationToken);
        section.Add("beside a stalled upload", LoadSummary.Of(outcomes, ReadTimeout * 2));
        section.Expect("healthy questions that failed", outcomes.Count(o => o.Ending != Ending.Answered), most: 0);
        section.Expect("status of the stalled one at the router (4: DEADLINE_EXCEEDED)", await stalled, 4, 4);

        using var other = new HttpMessageInvoker(new SocketsHttpHandler());
        section.Expect("at the small service", await StallAsync(other, trio.Smalls[0].Grpc, "/sgl.v1.SmallService/Generate", cancellationToken), 4, 4);
        section.Expect("at the large service", await StallAsync(other, trio.Larges[0].Grpc, "/sgl.v1.LargeService/Generate", cancellationToken), 4, 4);
        section.Note("seconds in all", Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static async Task<int> StallAsync(HttpMessageInvoker http, Uri address, string path, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ReadTimeout * 4);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address, path))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new HalfAMessage(),
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        try
        {
            using var response = await http.SendAsync(request, limit.Token);
            await response.Content.CopyToAsync(Stream.Null, limit.Token);
            var headers = response.Headers.Contains("grpc-status") ? response.Headers : response.TrailingHeaders;
            return int.Parse(headers.GetValues("grpc-status").Single(), System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException && !cancellationToken.IsCancellationRequested)
        {
            return -1;
        }
    }

    private sealed class HalfAMessage : HttpContent
    {
        public HalfAMessage() => Headers.ContentType = new MediaTypeHeaderValue("application/grpc");

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(new byte[] { 0, 0, 1, 0, 0, 1, 2, 3 }, cancellationToken); // announces 64 KiB
            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
