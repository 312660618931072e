namespace Sgl.Contracts;

/// <summary>Values of <c>google.rpc.ErrorInfo</c> in the errors of all services. They are part of the contract: clients branch on them.</summary>
public static class SglErrors
{
    /// <summary><c>ErrorInfo.domain</c> of every error.</summary>
    public const string Domain = "sgl.v1";

    /// <summary>INVALID_ARGUMENT: the request breaks the contract; <c>BadRequest</c> names every field at fault.</summary>
    public const string InvalidRequest = "INVALID_REQUEST";

    /// <summary>RESOURCE_EXHAUSTED: the queue is full; <c>RetryInfo</c> says when to try again.</summary>
    public const string Overloaded = "OVERLOADED";

    /// <summary>RESOURCE_EXHAUSTED: the message is larger than the service reads.</summary>
    public const string MessageTooLarge = "MESSAGE_TOO_LARGE";

    /// <summary>UNAVAILABLE: the model is being loaded.</summary>
    public const string ModelLoading = "MODEL_LOADING";

    /// <summary>UNAVAILABLE: the service finishes what runs and accepts nothing new.</summary>
    public const string ShuttingDown = "SHUTTING_DOWN";

    /// <summary>UNAVAILABLE: a service behind the router cannot be reached.</summary>
    public const string BackendUnavailable = "BACKEND_UNAVAILABLE";

    /// <summary>DEADLINE_EXCEEDED: the request's deadline, or the service's limit for a phase, has passed.</summary>
    public const string DeadlineExceeded = "DEADLINE_EXCEEDED";

    /// <summary>CANCELLED: the client gave up.</summary>
    public const string Cancelled = "CANCELLED";

    /// <summary>INTERNAL: a fault of the service; its log has the cause.</summary>
    public const string Internal = "INTERNAL";
}
