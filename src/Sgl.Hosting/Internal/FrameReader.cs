using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Internal;

/// <summary>
/// The client's messages, where a frame that cannot be read is told as the client's fault. Of a method with one request the framework reads it before any
/// handler runs, and <see cref="MessageErrors"/> tells; of a stream the handler would meet what the framework throws.
/// </summary>
internal sealed class FrameReader<T>(IAsyncStreamReader<T> inner, IOptions<ServiceListenOptions> options) : IAsyncStreamReader<T>
{
    public T Current => inner.Current;

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        try
        {
            return await inner.MoveNext(cancellationToken);
        }
        catch (RpcException e) when (e.GetRpcStatus() is not null)
        {
            throw; // what we refused under the framework's reading, a full service for one, has its own reason
        }
        catch (Exception e) when (IsUnreadable(e) || e is RpcException { StatusCode: StatusCode.Internal })
        {
            throw Faults.Unreadable().ToRpcException();
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.ResourceExhausted)
        {
            throw Faults.MessageTooLarge(options.Value.MaxReceiveMessageBytes).ToRpcException();
        }
    }

    /// <summary>
    /// Whether framework and protobuf library throw this about bytes that are no message, or no frame: a length above 2 GiB among them, and lengths of
    /// fields that the library finds out of range in its own arithmetic.
    /// </summary>
    public static bool IsUnreadable(Exception? exception) =>
        exception is InvalidProtocolBufferException or InvalidDataException or ArgumentException or OverflowException or IndexOutOfRangeException
        || (exception is IOException && exception.Message.StartsWith("Message too large", StringComparison.Ordinal));
}
