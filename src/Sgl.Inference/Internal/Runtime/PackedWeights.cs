using System.Collections.Concurrent;
using Microsoft.ML.OnnxRuntime;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>
/// What the runtime has packed for the sessions of one part of a model (tower, stage, head), one copy for all of them. A container of its own for every part,
/// because the runtime locks one while it packs: parts are packed side by side, the sessions of a part one after another.
/// </summary>
internal sealed class PackedWeights : IDisposable
{
    private readonly ConcurrentQueue<NativeBuffer> _sources = new();

    /// <summary>The runtime's own copies.</summary>
    public PrePackedWeightsContainer Container { get; } = new();

    /// <summary>Remembers codes that the runtime packs into a copy of its own.</summary>
    public void Add(NativeBuffer source) => _sources.Enqueue(source);

    /// <summary>Gives back the memory of what was packed. To be called when all sessions of the part are made; one made later would find zeros.</summary>
    public void DiscardSources()
    {
        while (_sources.TryDequeue(out var buffer))
        {
            buffer.Discard();
        }
    }

    public void Dispose() => Container.Dispose();
}
