using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Internal;

/// <summary>Around every call: counts it, ties it to the drain, translates what it throws.</summary>
internal sealed class CallInterceptor(
    ErrorTranslator errors,
    CallTracker calls,
    RequestMeter meter,
    ServiceMetrics metrics,
    IOptions<ServiceListenOptions> options,
    TimeProvider time,
    ILogger<CallInterceptor> logger) : Interceptor
{
    /// <summary>Marks, in a request's items, a call that is counted here.</summary>
    public static readonly object Seen = new();

    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Settle(request, context);
        return RunAsync(context, c => continuation(request, c));
    }

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, c => continuation(Settling(requestStream, context), c));

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Settle(request, context);
        return RunAsync(context, c => Done(continuation(request, Patient(responseStream, context, c), c)));
    }

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) =>
        RunAsync(context, c => Done(continuation(Settling(requestStream, context), Patient(responseStream, context, c), c)));

    private static void Settle<T>(T request, ServerCallContext context) =>
        RequestBytes.Of(context.GetHttpContext())?.Settle(() => request is Google.Protobuf.IMessage message ? message.CalculateSize() : 0);

    private SettlingStreamReader<T> Settling<T>(IAsyncStreamReader<T> reader, ServerCallContext context) =>
        new(new FrameReader<T>(reader, options), RequestBytes.Of(context.GetHttpContext()));

    private PatientStreamWriter<T> Patient<T>(IServerStreamWriter<T> writer, ServerCallContext transport, ServerCallContext call) =>
        new(writer, new ReadersPatience(transport.GetHttpContext(), meter, call.CancellationToken));

    private static async Task<bool> Done(Task task)
    {
        await task;
        return true;
    }

    private async Task<TResult> RunAsync<TResult>(ServerCallContext context, Func<ServerCallContext, Task<TResult>> handler)
    {
        if (RequestMeter.IsInfrastructure(context.Method))
        {
            return await handler(context);
        }

        var started = time.GetTimestamp();
        var requestId = RequestIds.Of(context);
        var code = StatusCode.OK;
        context.GetHttpContext().Items[Seen] = Seen;
        using var call = calls.Enter(context.CancellationToken);
        var deadline = context.Deadline < call.Deadline.UtcDateTime ? context.Deadline : call.Deadline.UtcDateTime;
        try
        {
            return await handler(new CallContext(context, deadline, call.Token));
        }
        catch (Exception e)
        {
            var status = errors.Translate(e, new CallFacts(context.Method, requestId, new DateTimeOffset(deadline), calls.DrainIsOver, call.Token));
            code = (StatusCode)status.Code;
            throw status.ToRpcException();
        }
        finally
        {
            metrics.CountCall(context.Method, code);
            RequestLine.Write(logger, Level(context.Method, code), context.GetHttpContext(), context.Method, code, time.GetElapsedTime(started));
        }
    }

    /// <summary>A router asks every few seconds what is served; as long as it is told, nobody wants to read that.</summary>
    public static bool IsRoutine(string method) => method.EndsWith("/GetModelInfo", StringComparison.Ordinal) || method.EndsWith("/GetInfo", StringComparison.Ordinal);

    private static LogLevel Level(string method, StatusCode code) => code == StatusCode.OK && IsRoutine(method) ? LogLevel.Debug : LogLevel.Information;
}
