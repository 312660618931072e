namespace Sgl.Router;

/// <summary>A model did not give an answer. The status is what a client gets where there is no fallback.</summary>
internal sealed class HopException(Wire.RoutingReason reason, string explanation, Google.Rpc.Status status, Exception? innerException = null)
    : Exception(explanation, innerException)
{
    /// <summary>Why, in terms of the large model; of no meaning for the small one.</summary>
    public Wire.RoutingReason Reason => reason;

    public Google.Rpc.Status Status => status;
}
