using System.Globalization;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace Sgl.Hosting;

/// <summary>Refusals of gRPC calls by middleware, before anything of their message is read.</summary>
public static class GrpcRefusal
{
    /// <summary>Whether a request is a gRPC call, gRPC-Web included.</summary>
    public static bool IsGrpc(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true;
    }

    /// <summary>Answers with a status: all of it in the headers, as the protocol has it for calls that end before they begin.</summary>
    public static void Write(HttpContext context, Google.Rpc.Status status)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(status);
        var response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = context.Request.ContentType;
        response.Headers["grpc-status"] = status.Code.ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = Uri.EscapeDataString(status.Message);
        response.Headers["grpc-status-details-bin"] = Convert.ToBase64String(status.ToByteArray()).TrimEnd('=');
    }
}
