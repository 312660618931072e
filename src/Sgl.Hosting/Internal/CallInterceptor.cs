using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;

namespace Sgl.Hosting.Internal;

/// <summary>Around every call: counts it, ties it to the drain, translates what it throws.</summary>
internal sealed class CallInterceptor(
    ErrorTranslator errors, CallTracker calls, ServiceMetrics metrics, TimeProvider time, ILogger<CallInterceptor> logger) : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, c => continuation(request, c));

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, c => continuation(requestStream, c));

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, c => Done(continuation(request, responseStream, c)));

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, c => Done(continuation(requestStream, responseStream, c)));

    private static async Task<bool> Done(Task task)
    {
        await task;
        return true;
    }

    private async Task<TResult> RunAsync<TResult>(ServerCallContext context, Func<ServerCallContext, Task<TResult>> handler)
    {
        if (IsInfrastructure(context.Method))
        {
            return await handler(context);
        }

        var started = time.GetTimestamp();
        var requestId = RequestIds.Of(context);
        var code = StatusCode.OK;
        using var call = calls.Enter(context.CancellationToken);
        try
        {
            return await handler(new CallContext(context, call.Token));
        }
        catch (Exception e)
        {
            var deadline = context.Deadline == DateTime.MaxValue ? DateTimeOffset.MaxValue : new DateTimeOffset(context.Deadline);
            var status = errors.Translate(e, new CallFacts(context.Method, requestId, deadline, calls.DrainIsOver, call.Token));
            code = (StatusCode)status.Code;
            throw status.ToRpcException();
        }
        finally
        {
            metrics.CountCall(context.Method, code);
            HostingLog.CallEnded(logger, context.Method, code, time.GetElapsedTime(started).TotalMilliseconds, requestId);
        }
    }

    // Health watches and reflection live as long as their client: neither work to drain nor requests to count.
    private static bool IsInfrastructure(string method) =>
        method.StartsWith("/grpc.health.", StringComparison.Ordinal) || method.StartsWith("/grpc.reflection.", StringComparison.Ordinal);
}
