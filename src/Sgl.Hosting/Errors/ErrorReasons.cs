namespace Sgl.Hosting;

/// <summary>
/// Reasons in <c>google.rpc.ErrorInfo</c>, domain <see cref="Domain"/>: the names of <c>sgl.v1.ErrorReason</c> without its prefix. Clients branch on
/// these, so they never change meaning.
/// </summary>
public static class ErrorReasons
{
    /// <summary>Domain of all reasons.</summary>
    public const string Domain = "sgl.v1";

    /// <summary>The request breaks a rule of the contract; see the field violations.</summary>
    public const string InvalidRequest = "INVALID_REQUEST";

    /// <summary>Bytes that are no message of the method, or no gRPC frame.</summary>
    public const string MalformedMessage = "MALFORMED_MESSAGE";

    /// <summary>The prompt has more tokens than the model takes.</summary>
    public const string PromptTooLong = "PROMPT_TOO_LONG";

    /// <summary>An image cannot be used.</summary>
    public const string BadImage = "BAD_IMAGE";

    /// <summary>Guidance was made from another input.</summary>
    public const string DigestMismatch = "DIGEST_MISMATCH";

    /// <summary>The model cannot drop tokens in front of that layer.</summary>
    public const string PruneLayerUnavailable = "PRUNE_LAYER_UNAVAILABLE";

    /// <summary>A draft's ids belong to another vocabulary.</summary>
    public const string VocabularyMismatch = "VOCABULARY_MISMATCH";

    /// <summary>The router's two models do not fit together.</summary>
    public const string ModelsNotPaired = "MODELS_NOT_PAIRED";

    /// <summary>Queue or memory budget is full.</summary>
    public const string Overloaded = "OVERLOADED";

    /// <summary>The model is not loaded, or a backend is not reachable.</summary>
    public const string NotReady = "NOT_READY";

    /// <summary>The server ended the call because it is shutting down.</summary>
    public const string ShuttingDown = "SHUTTING_DOWN";

    /// <summary>A message is longer than the server's limit.</summary>
    public const string MessageTooLarge = "MESSAGE_TOO_LARGE";

    /// <summary>The request's deadline passed.</summary>
    public const string DeadlineExceeded = "DEADLINE_EXCEEDED";

    /// <summary>The client cancelled.</summary>
    public const string Cancelled = "CANCELLED";

    /// <summary>The large model holds too many inputs without guidance; ask again with both.</summary>
    public const string Unguided = "UNGUIDED";

    /// <summary>The client stopped sending in the middle of its request.</summary>
    public const string UploadStalled = "UPLOAD_STALLED";

    /// <summary>The client does not read its answer.</summary>
    public const string AnswerUnread = "ANSWER_UNREAD";

    /// <summary>Nobody knows who makes the call: no key, or none that is accepted.</summary>
    public const string Unauthenticated = "UNAUTHENTICATED";

    /// <summary>The caller is known and may not do this.</summary>
    public const string PermissionDenied = "PERMISSION_DENIED";

    /// <summary>The caller has used up a limit of its own.</summary>
    public const string RateLimited = "RATE_LIMITED";

    /// <summary>A fault of the server; details are in its log under the correlation id.</summary>
    public const string Internal = "INTERNAL";
}
