using Grpc.Core;

namespace Sgl.Hosting;

/// <summary>The client's side of a call ended it: it reset the stream, stopped sending, or does not read. Never a fault of the service or of a model.</summary>
/// <remarks>An <see cref="RpcException"/>, since the framework logs everything else that it meets while it reads a message as an error, with its stack.</remarks>
public sealed class ClientGoneException : RpcException
{
    internal ClientGoneException(Google.Rpc.Status status, bool left, string message, Exception? innerException = null)
        : base(new Status((StatusCode)status.Code, status.Message, innerException), status.ToRpcException().Trailers, message) =>
        (Answer, Left) = (status, left);

    /// <summary>What it is told, if it still listens.</summary>
    internal Google.Rpc.Status Answer { get; }

    /// <summary>Whether it went away, so that its deadline may have been the reason.</summary>
    internal bool Left { get; }

    internal static ClientGoneException Reset(Exception? cause = null) => new(
        Faults.Create(Google.Rpc.Code.Cancelled, "The client cancelled the call.", ErrorReasons.Cancelled), left: true, "The client is gone.", cause);

    internal static ClientGoneException Stalled(TimeSpan limit) => new(
        Faults.Create(
            Google.Rpc.Code.DeadlineExceeded,
            FormattableString.Invariant($"The request did not arrive: nothing, or next to nothing, came for {limit.TotalSeconds:0.###} s (setting Calls:ReadTimeout)."),
            ErrorReasons.UploadStalled),
        left: false,
        "The client does not send.");

    internal static ClientGoneException Unread(TimeSpan limit) => new(
        Faults.Create(
            Google.Rpc.Code.DeadlineExceeded,
            FormattableString.Invariant($"The client took nothing of the answer for {limit.TotalSeconds:0.###} s (setting Calls:WriteTimeout)."),
            ErrorReasons.AnswerUnread),
        left: false,
        "The client does not read.");
}
