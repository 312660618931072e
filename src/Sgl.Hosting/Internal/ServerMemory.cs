using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace Sgl.Hosting.Internal;

/// <summary>
/// The web server's buffers. Its own pools keep the blocks that a burst needed: of eight messages of 60 MiB all were still held two minutes later. Here only so
/// many blocks are kept idle, and none after <see cref="Clear"/>; the rest is left to the collector.
/// </summary>
internal sealed class ServerMemory : IMemoryPoolFactory<byte>
{
    /// <summary>Size of a block, that of the server's own pools.</summary>
    public const int BlockBytes = 4096;

    /// <summary>Most bytes kept in blocks that nobody uses: some windows of a few uploads.</summary>
    public const int MostIdleBytes = 32 << 20;

    private readonly ConcurrentQueue<Block> _blocks = new();
    private int _idle;

    /// <summary>Bytes in blocks that wait to be used again.</summary>
    public long IdleBytes => (long)Volatile.Read(ref _idle) * BlockBytes;

    /// <summary>A view of the one pool; the server makes several.</summary>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool(this);

    /// <summary>Lets go of all idle blocks. A few that are left from a burst hold all memory around them, because pinned arrays are never moved together.</summary>
    public void Clear()
    {
        while (_blocks.TryDequeue(out _))
        {
            Interlocked.Decrement(ref _idle);
        }
    }

    private Block Rent()
    {
        if (!_blocks.TryDequeue(out var block))
        {
            return new Block(this);
        }

        Interlocked.Decrement(ref _idle);
        return block;
    }

    private void Return(Block block)
    {
        if (Interlocked.Increment(ref _idle) > MostIdleBytes / BlockBytes)
        {
            Interlocked.Decrement(ref _idle);
            return;
        }

        _blocks.Enqueue(block);
    }

    private sealed class Pool(ServerMemory memory) : MemoryPool<byte>
    {
        public override int MaxBufferSize => BlockBytes;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
            return memory.Rent();
        }

        protected override void Dispose(bool disposing)
        {
            // The blocks are everybody's.
        }
    }

    // Pinned, because sockets read into it.
    private sealed class Block(ServerMemory memory) : IMemoryOwner<byte>
    {
        public Memory<byte> Memory { get; } = MemoryMarshal.CreateFromPinnedArray(GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true), 0, BlockBytes);

        public void Dispose() => memory.Return(this);
    }
}
