namespace Sgl.Router;

/// <summary>Reasons in <c>google.rpc.ErrorInfo</c> that only the HTTP API gives, beside <see cref="Hosting.ErrorReasons"/>.</summary>
public static class RouterErrorReasons
{
    /// <summary>The HTTP API was asked for a model that is not served.</summary>
    public const string ModelNotFound = "MODEL_NOT_FOUND";

    /// <summary>A body of the HTTP API is not JSON by its header, or compressed in an unknown way.</summary>
    public const string UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE";
}
