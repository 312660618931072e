namespace Sgl.Inference.Internal.Kv;

/// <summary>Memory that all KV caches of an engine share. Used by the engine thread only; reading is safe from anywhere.</summary>
internal sealed class KvBudget(long bytes)
{
    private long _used;
    private long _occupied;

    public long Bytes { get; } = bytes;

    public long Used => Volatile.Read(ref _used);

    public long Free => Bytes - Used;

    /// <summary>Bytes of slots that belong to a sequence.</summary>
    public long Occupied => Volatile.Read(ref _occupied);

    public void Occupy(long amount) => Volatile.Write(ref _occupied, _occupied + amount);

    public void Take(long amount) => Volatile.Write(ref _used, _used + amount);

    public void Give(long amount) => Volatile.Write(ref _used, _used - amount);
}
