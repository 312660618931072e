using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Internal;

/// <summary>
/// The framework refuses a message that is too long or cannot be read before any interceptor runs, and says neither what the limit is nor whose fault it
/// was. This tells both while the response headers have not left yet.
/// </summary>
internal static class MessageErrors
{
    public static void UseMessageErrors(this IApplicationBuilder app, IOptions<ServiceListenOptions> options) => app.Use(async (context, next) =>
    {
        await next(context);
        var headers = context.Response.Headers;
        if (context.Response.HasStarted)
        {
            return;
        }

        var status = (headers["grpc-status"].ToString(), headers["grpc-message"].ToString()) switch
        {
            ("8", var message) when message.StartsWith("Received message exceeds", StringComparison.Ordinal) =>
                Faults.MessageTooLarge(options.Value.MaxReceiveMessageBytes),

            // What a handler throws, CallInterceptor translates: an exception that the framework had to name is that of reading the request.
            ("2", var message) when message.StartsWith("Exception was thrown by handler", StringComparison.Ordinal) => Faults.Unreadable(),

            // Frames that are cut short, longer than their message, or compressed without saying how. Each status of our own has details.
            ("13", _) when headers["grpc-status-details-bin"].Count == 0 => Faults.Unreadable(),
            _ => null,
        };
        if (status is not null)
        {
            headers["grpc-status"] = status.Code.ToString(System.Globalization.CultureInfo.InvariantCulture);
            headers["grpc-message"] = Uri.EscapeDataString(status.Message);
            headers["grpc-status-details-bin"] = Convert.ToBase64String(status.ToByteArray()).TrimEnd('=');
        }
    });
}
