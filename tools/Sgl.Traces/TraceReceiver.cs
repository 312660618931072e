using System.Net;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Sgl.Traces.Otlp;

namespace Sgl.Traces;

/// <summary>A collector that keeps what it gets: OTLP over gRPC on a loopback port.</summary>
internal sealed class TraceReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly List<TracedSpan> _spans = [];
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private TraceReceiver()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, o => o.Protocols = HttpProtocols.Http2));
        builder.Services.AddRouting();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(this);
        _app = builder.Build();
        _app.MapGrpcService<Service>();
    }

    /// <summary>Where spans are sent to.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Starts listening.</summary>
    public static async Task<TraceReceiver> StartAsync()
    {
        var receiver = new TraceReceiver();
        await receiver._app.StartAsync();
        receiver.Address = new Uri(receiver._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return receiver;
    }

    /// <summary>The spans of a trace, once they are all that is waited for.</summary>
    public async Task<IReadOnlyList<TracedSpan>> TraceAsync(string trace, Func<IReadOnlyList<TracedSpan>, bool> isWhole, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task more;
            List<TracedSpan> spans;
            lock (_spans)
            {
                more = _more.Task;
                spans = [.. _spans.Where(s => s.Trace == trace)];
            }

            if (isWhole(spans))
            {
                return spans;
            }

            try
            {
                await more.WaitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"the trace is not whole; it has {string.Join(", ", spans.Select(s => $"{s.Service}/{s.Name}"))}");
            }
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private void Take(IEnumerable<TracedSpan> spans)
    {
        TaskCompletionSource more;
        lock (_spans)
        {
            _spans.AddRange(spans);
            (more, _more) = (_more, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        more.SetResult();
    }

    private sealed class Service(TraceReceiver receiver) : TraceService.TraceServiceBase
    {
        public override Task<ExportTraceServiceResponse> Export(ExportTraceServiceRequest request, ServerCallContext context)
        {
            receiver.Take(TracedSpan.Read(request));
            return Task.FromResult(new ExportTraceServiceResponse());
        }
    }
}
