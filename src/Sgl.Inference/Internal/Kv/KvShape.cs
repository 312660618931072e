using Sgl.Models;

namespace Sgl.Inference.Internal.Kv;

/// <summary>What one cache entry of a stage looks like.</summary>
/// <param name="Layers">Layers of the stage.</param>
/// <param name="KvHeads">Key heads.</param>
/// <param name="HeadDim">d.</param>
/// <param name="Type">Element type.</param>
/// <param name="Device">Where the memory lies.</param>
internal sealed record KvShape(int Layers, int KvHeads, int HeadDim, ComputeType Type, DeviceId Device)
{
    /// <summary>Bytes of one entry of one head of one layer's keys.</summary>
    public long HeadBytes => (long)HeadDim * Runtime.WeightProvider.ElementSize(Type);

    /// <summary>Bytes of one entry of one layer's keys.</summary>
    public long EntryBytes => KvHeads * HeadBytes;

    /// <summary>Bytes of one entry: keys and values of all layers of the stage.</summary>
    public long BytesPerToken => 2 * Layers * EntryBytes;

    /// <summary>Whether the sums of the attention to every entry lie beside it, float32 per layer.</summary>
    public bool HasSums { get; init; }

    /// <summary>Memory that an entry takes in all.</summary>
    public long MemoryPerToken => BytesPerToken + SumBytes;

    /// <summary>Of it what the sums take.</summary>
    public long SumBytes => HasSums ? (long)Layers * sizeof(float) : 0;
}
