namespace Sgl.EngineBridge;

/// <summary>The engine gave no answer.</summary>
/// <param name="status">What the caller is told.</param>
/// <param name="cause">What happened.</param>
internal sealed class EngineException(Google.Rpc.Status status, Exception? cause = null) : Exception(status.Message, cause)
{
    /// <summary>What the caller is told.</summary>
    public Google.Rpc.Status Status { get; } = status;
}
