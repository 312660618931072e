namespace Sgl.Router;

/// <summary>Reasons in <c>google.rpc.ErrorInfo</c> that only the router gives, beside <see cref="Hosting.ErrorReasons"/>.</summary>
public static class RouterErrorReasons
{
    /// <summary>The two models do not fit together.</summary>
    public const string NotPaired = "MODELS_NOT_PAIRED";
}
