using Sgl.TestKit.Serving;

namespace Sgl.EngineBridge;

/// <summary>A bridge in front of an engine that does as a test says, for each test anew.</summary>
public abstract class ScriptedBridge : IAsyncLifetime
{
    private protected ScriptedEngine Engine { get; private set; } = null!;

    private protected RunningService Bridge { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Engine = await ScriptedEngine.StartAsync();
        Bridge = await Engine.BridgeAsync();
    }

    public async Task DisposeAsync()
    {
        await Bridge.DisposeAsync();
        await Engine.DisposeAsync();
    }
}
