using Google.Protobuf;

namespace Sgl.Hosting.Tests;

/// <summary>Alone: memory is given back once for the whole process, by whichever of its hosts notices first.</summary>
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
[Collection(nameof(MemoryTests))]
public sealed class MemoryTests
{
    [Fact]
    public async Task Idle_AfterLargeRequests_TheirMemoryIsGivenBack()
    {
        await using var host = await ProbeHost.StartAsync();
        for (var i = 0; i < 8; i++)
        {
            await host.Client.UnaryAsync(new ProbeRequest { Act = "big", Payload = ByteString.CopyFrom(new byte[40_000_000]) });
        }

        var deadline = DateTime.UtcNow.AddSeconds(90);
        while (!host.Log.Lines.Any(l => l.Contains("memory trimmed", StringComparison.Ordinal)))
        {
            Assert.True(DateTime.UtcNow < deadline, "no memory was given back");
            await Task.Delay(200);
        }

        Assert.Equal("fine", (await host.Client.UnaryAsync(new ProbeRequest { Act = "fine" })).Text);
    }
}
