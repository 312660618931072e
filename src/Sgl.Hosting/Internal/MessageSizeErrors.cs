using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Internal;

/// <summary>
/// The framework refuses an oversized message before any interceptor runs, without saying what the limit is. This adds limit, setting and details
/// while the response headers have not left yet.
/// </summary>
internal static class MessageSizeErrors
{
    public static void UseMessageSizeErrors(this IApplicationBuilder app, IOptions<ServiceListenOptions> options) => app.Use(async (context, next) =>
    {
        await next(context);
        var headers = context.Response.Headers;
        if (!context.Response.HasStarted
            && headers["grpc-status"] == "8"
            && headers["grpc-message"].ToString().StartsWith("Received message exceeds", StringComparison.Ordinal))
        {
            var status = Faults.MessageTooLarge(options.Value.MaxReceiveMessageBytes);
            headers["grpc-message"] = Uri.EscapeDataString(status.Message);
            headers["grpc-status-details-bin"] = Convert.ToBase64String(status.ToByteArray()).TrimEnd('=');
        }
    });
}
