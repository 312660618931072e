namespace Sgl.Router;

/// <summary>Reasons in <c>google.rpc.ErrorInfo</c> that only the router gives, beside <see cref="Hosting.ErrorReasons"/>.</summary>
public static class RouterErrorReasons
{
    /// <summary>The HTTP API was asked for a model that is not served.</summary>
    public const string ModelNotFound = "MODEL_NOT_FOUND";

    /// <summary>The request was meant for a host that the router does not answer for.</summary>
    public const string HostNotAllowed = "HOST_NOT_ALLOWED";

    /// <summary>A body of the HTTP API is not JSON by its header, or compressed in an unknown way.</summary>
    public const string UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE";
}
