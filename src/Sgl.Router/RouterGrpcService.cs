using Grpc.Core;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>The router's gRPC service.</summary>
internal sealed class RouterGrpcService(AnswerPipeline pipeline, DefaultPolicy policy, ITenants tenants) : Wire.RouterService.RouterServiceBase
{
    public override Task Answer(Wire.AnswerRequest request, IServerStreamWriter<Wire.AnswerResponse> responseStream, ServerCallContext context) =>
        pipeline.AnswerAsync(request, AnswerCall.From(context, tenants), response => responseStream.WriteAsync(response));

    public override Task<Wire.GetInfoResponse> GetInfo(Wire.GetInfoRequest request, ServerCallContext context) =>
        Task.FromResult(RouterInfo.Of(pipeline.Models, policy));
}
