using Google.Protobuf;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting.Tests;

/// <summary>The web server keeps few of the buffers that a burst needed.</summary>
public sealed class ServerMemoryTests
{
    private const int Most = ServerMemory.MostIdleBytes / ServerMemory.BlockBytes;

    [Fact]
    public void Rent_AsTheServerDoes_IsABlock()
    {
        using var pool = new ServerMemory().Create();
        using var block = pool.Rent();
        Assert.Equal(ServerMemory.BlockBytes, block.Memory.Length);
        Assert.Equal(ServerMemory.BlockBytes, pool.MaxBufferSize);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(ServerMemory.BlockBytes + 1));
    }

    [Fact]
    public void Return_MoreThanMayIdle_TheRestIsLeftToTheCollector()
    {
        var memory = new ServerMemory();
        using var first = memory.Create();
        using var second = memory.Create();
        var blocks = Enumerable.Range(0, Most).SelectMany(_ => new[] { first.Rent(), second.Rent() }).ToList();
        blocks.ForEach(b => b.Dispose());
        Assert.Equal(ServerMemory.MostIdleBytes, memory.IdleBytes);

        using (first.Rent())
        {
            Assert.Equal(ServerMemory.MostIdleBytes - ServerMemory.BlockBytes, memory.IdleBytes);
        }

        memory.Clear();
        Assert.Equal(0, memory.IdleBytes);
    }

    [Fact]
    public async Task Host_AfterALargeMessage_KeepsNoMoreThanThat()
    {
        await using var host = await ProbeHost.StartAsync();
        var memory = Assert.IsType<ServerMemory>(host.App.Services.GetRequiredService<IMemoryPoolFactory<byte>>());
        await host.Client.UnaryAsync(new ProbeRequest { Act = "fine", Payload = ByteString.CopyFrom(new byte[ServerMemory.MostIdleBytes + (8 << 20)]) });

        // All that the message lay in was given back; more than a window of it, or the server has other buffers than these.
        Assert.InRange(memory.IdleBytes, 8 << 20, ServerMemory.MostIdleBytes);
    }
}
