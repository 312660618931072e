using Sgl.Inference.Internal.Kv;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>A run of consecutive layers on one device, with its KV memory.</summary>
internal interface IStage : IDisposable
{
    /// <summary>Which layers, and where.</summary>
    LayerPlacement Placement { get; }

    /// <summary>Its KV memory.</summary>
    KvPool Kv { get; }

    /// <summary>Whether it can yield importance.</summary>
    bool HasImportance { get; }
}
