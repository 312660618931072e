using Grpc.Core;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>The router's gRPC service.</summary>
internal sealed class RouterGrpcService(AnswerPipeline pipeline, RouterPolicies policies, ITenants tenants) : Wire.RouterService.RouterServiceBase
{
    public override Task Answer(Wire.AnswerRequest request, IServerStreamWriter<Wire.AnswerResponse> responseStream, ServerCallContext context) =>
        pipeline.AnswerAsync(request, AnswerCall.From(context, tenants), response => responseStream.WriteAsync(response));

    public override async Task<Wire.AnswerOnceResponse> AnswerOnce(Wire.AnswerRequest request, ServerCallContext context)
    {
        var answer = new Wire.AnswerOnceResponse();
        await pipeline.AnswerAsync(request, AnswerCall.From(context, tenants), response =>
        {
            answer.Layout = response.Layout ?? answer.Layout;
            answer.Decision = response.Decision ?? answer.Decision;
            answer.Completed = response.Completed ?? answer.Completed;
            return Task.CompletedTask;
        });
        return answer;
    }

    public override Task<Wire.ListPoliciesResponse> ListPolicies(Wire.ListPoliciesRequest request, ServerCallContext context) => Task.FromResult(policies.ToWire());

    public override Task<Wire.GetInfoResponse> GetInfo(Wire.GetInfoRequest request, ServerCallContext context) =>
        Task.FromResult(RouterInfo.Of(pipeline.Models, policies));
}
