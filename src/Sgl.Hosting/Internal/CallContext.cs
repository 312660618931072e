using Grpc.Core;

namespace Sgl.Hosting.Internal;

/// <summary>A call context with the service's own end of the call: its longest deadline, and a token that the drain cancels too.</summary>
internal sealed class CallContext(ServerCallContext inner, DateTime deadline, CancellationToken token) : ServerCallContext
{
    // GetHttpContext() of Grpc.AspNetCore, which also creates the service, looks here when the context is not its own.
    private readonly IDictionary<object, object> _userState = WithHttpContext(inner);

    protected override string MethodCore => inner.Method;

    protected override string HostCore => inner.Host;

    protected override string PeerCore => inner.Peer;

    protected override DateTime DeadlineCore => deadline;

    protected override Metadata RequestHeadersCore => inner.RequestHeaders;

    protected override CancellationToken CancellationTokenCore => token;

    protected override Metadata ResponseTrailersCore => inner.ResponseTrailers;

    protected override Status StatusCore
    {
        get => inner.Status;
        set => inner.Status = value;
    }

    protected override WriteOptions? WriteOptionsCore
    {
        get => inner.WriteOptions;
        set => inner.WriteOptions = value;
    }

    protected override AuthContext AuthContextCore => inner.AuthContext;

    protected override IDictionary<object, object> UserStateCore => _userState;

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        inner.CreatePropagationToken(options);

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => inner.WriteResponseHeadersAsync(responseHeaders);

    private static IDictionary<object, object> WithHttpContext(ServerCallContext inner)
    {
        inner.UserState["__HttpContext"] = inner.GetHttpContext();
        return inner.UserState;
    }
}
