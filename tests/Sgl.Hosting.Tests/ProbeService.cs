using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;

namespace Sgl.Hosting.Tests;

/// <summary>Does what each request says, so that one service shows how every kind of call fails, waits and streams.</summary>
internal sealed class ProbeService(ProbeLog log) : Probe.ProbeBase
{
    public override async Task<ProbeReply> Unary(ProbeRequest request, ServerCallContext context)
    {
        await ActAsync(request, context);
        return Reply(request, context);
    }

    public override async Task ServerStreaming(ProbeRequest request, IServerStreamWriter<ProbeReply> responseStream, ServerCallContext context)
    {
        for (var i = 0; i < request.Count; i++)
        {
            await responseStream.WriteAsync(Reply(request, context));
            await Task.Delay(request.DelayMs, context.CancellationToken);
        }

        await ActAsync(request, context);
    }

    public override async Task<ProbeReply> ClientStreaming(IAsyncStreamReader<ProbeRequest> requestStream, ServerCallContext context)
    {
        var last = new ProbeRequest();
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            await ActAsync(last = request, context);
        }

        return Reply(last, context);
    }

    public override async Task Duplex(IAsyncStreamReader<ProbeRequest> requestStream, IServerStreamWriter<ProbeReply> responseStream, ServerCallContext context)
    {
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            await responseStream.WriteAsync(Reply(request, context));
            await ActAsync(request, context);
        }
    }

    private static ProbeReply Reply(ProbeRequest request, ServerCallContext context) => new()
    {
        Text = request.Act switch
        {
            "trace" => Activity.Current?.TraceId.ToHexString() ?? "",
            "request id" => RequestIds.Of(context),
            _ => request.Act,
        },
        Payload = request.Act == "large reply" ? ByteString.CopyFrom(new byte[request.Count]) : ByteString.Empty,
    };

    private async Task ActAsync(ProbeRequest request, ServerCallContext context)
    {
        switch (request.Act)
        {
            case var act when act.StartsWith("echo ", StringComparison.Ordinal):
                throw new InvalidOperationException(act);
            case "fault":
                throw new InvalidRequestException([new("a.b", "is one thing"), new("c[0]", "is another")]);
            case "many faults":
                throw new InvalidRequestException([.. Enumerable.Range(0, 1000).Select(i => new FieldViolation($"f[{i}]", new string('x', 2000)))]);
            case "overloaded":
                throw new OverloadedException("the queue is full", TimeSpan.FromSeconds(3));
            case "not ready":
                throw new NotReadyException("the model is loading", TimeSpan.FromSeconds(5));
            case "mapped":
                throw new FormatException("field");
            case "rpc":
                throw new RpcException(new Status(StatusCode.NotFound, "not here"));
            case "no memory":
                GC.KeepAlive(new object[int.MaxValue]); // longer than any array: the runtime's own OutOfMemoryException
                break;
            case "secret":
                throw new InvalidOperationException("password=hunter2");
            case "own timeout":
                throw new OperationCanceledException("a timeout of the service's own");
            case "wait":
                log.Started.Release();
                try
                {
                    await Task.Delay(Timeout.Infinite, context.CancellationToken);
                }
                catch (OperationCanceledException)
                {
                    log.Cancelled.Release();
                    throw;
                }

                break;
            case "sleep":
                log.Started.Release();
                await Task.Delay(request.DelayMs, context.CancellationToken);
                break;
        }
    }
}

/// <summary>What the probe saw.</summary>
internal sealed class ProbeLog : IDisposable
{
    public SemaphoreSlim Started { get; } = new(0);

    public SemaphoreSlim Cancelled { get; } = new(0);

    public ConcurrentQueue<string> Lines { get; } = [];

    public void Dispose()
    {
        Started.Dispose();
        Cancelled.Dispose();
    }
}
