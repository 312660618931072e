using System.Reflection;
using Grpc.Core;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>The router's gRPC service.</summary>
internal sealed class RouterGrpcService(AnswerPipeline pipeline, DefaultPolicy policy, ITenants tenants) : Wire.RouterService.RouterServiceBase
{
    private static readonly string Version = typeof(RouterGrpcService).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

    public override Task Answer(Wire.AnswerRequest request, IServerStreamWriter<Wire.AnswerResponse> responseStream, ServerCallContext context) =>
        pipeline.AnswerAsync(request, AnswerCall.From(context, tenants), response => responseStream.WriteAsync(response));

    public override Task<Wire.GetInfoResponse> GetInfo(Wire.GetInfoRequest request, ServerCallContext context)
    {
        var models = pipeline.Models;
        return Task.FromResult(new Wire.GetInfoResponse
        {
            Version = Version,
            Small = models.Small.Serving ? models.Small.Info : null,
            Large = models.Large.Serving ? models.Large.Info : null,
            DefaultPolicy = policy.ToWire(),
            PairingProblem = models.PairingProblem,
        });
    }
}
