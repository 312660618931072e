using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.Hosting;

namespace Sgl.Hosting.Internal;

/// <summary><c>grpc.health.v1</c> over <see cref="ServiceHealth"/>. Watches end when the host stops, so that they never hold up the drain.</summary>
internal sealed class HealthEndpoint(ServiceHealth health, IHostApplicationLifetime lifetime) : Grpc.Health.V1.Health.HealthBase
{
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        health.Knows(request.Service)
            ? Task.FromResult(new HealthCheckResponse { Status = health.Observe().Status })
            : throw new RpcException(new Status(StatusCode.NotFound, $"Service '{request.Service}' is not hosted here."));

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        if (!health.Knows(request.Service))
        {
            // The protocol wants the stream kept open: the service might appear later.
            await responseStream.WriteAsync(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.ServiceUnknown });
            await UntilGone(Task.Delay(Timeout.Infinite, context.CancellationToken));
            return;
        }

        HealthCheckResponse.Types.ServingStatus? last = null;
        while (!context.CancellationToken.IsCancellationRequested)
        {
            var (status, changed) = health.Observe();
            var stopping = lifetime.ApplicationStopping.IsCancellationRequested;
            status = stopping ? HealthCheckResponse.Types.ServingStatus.NotServing : status;
            if (status != last)
            {
                await responseStream.WriteAsync(new HealthCheckResponse { Status = status });
                last = status;
            }

            if (stopping)
            {
                return;
            }

            await UntilGone(changed.WaitAsync(context.CancellationToken));
        }

        async Task UntilGone(Task task)
        {
            try
            {
                await task.WaitAsync(lifetime.ApplicationStopping);
            }
            catch (OperationCanceledException)
            {
                // Either the watcher left or the host stops; the loop looks at both.
            }
        }
    }
}
