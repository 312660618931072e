using Sgl.TestKit.Serving;

namespace Sgl.EngineBridge;

/// <summary>The bridge keeps the large contract, in front of our own HTTP API.</summary>
[Collection(nameof(OwnEndpoint))]
public sealed class BridgeContractTests(OwnEndpoint engine) : LargeContract, IAsyncLifetime
{
    private LargeSubject _subject = null!;

    protected override LargeSubject Subject => _subject;

    protected override (int Places, (string Key, string Value)[] Settings) Few => (1, [("Bridge:MaxConcurrent", "1")]);

    public async Task InitializeAsync() => _subject = await StartAsync();

    public async Task DisposeAsync() => await _subject.DisposeAsync();

    protected override async Task<LargeSubject> StartAsync(params (string Key, string Value)[] settings) => new Bridged(engine, await engine.BridgeAsync(settings));

    private sealed class Bridged(OwnEndpoint engine, RunningService bridge) : LargeSubject
    {
        public override RunningService Service => bridge;

        // The engine's own word: what was cancelled has ended there.
        public override Task IdleAsync() => engine.Large.IdleAsync();

        public override ValueTask DisposeAsync() => bridge.DisposeAsync();
    }
}
