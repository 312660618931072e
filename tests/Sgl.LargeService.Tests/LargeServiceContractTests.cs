using Sgl.TestKit.Serving;

namespace Sgl.LargeService;

/// <summary>The large service keeps the large contract.</summary>
[Collection(nameof(LargeServer))]
public sealed class LargeServiceContractTests(LargeServer server) : LargeContract
{
    protected override LargeSubject Subject { get; } = new OwnEngine(server.Service, owns: false);

    protected override (int Places, (string Key, string Value)[] Settings) Few => (2, [("Engine:MaxBatch", "1"), ("Engine:MaxQueue", "1")]);

    protected override async Task<LargeSubject> StartAsync(params (string Key, string Value)[] settings) => new OwnEngine(await LargeServer.StartAsync(settings), owns: true);

    private sealed class OwnEngine(RunningService service, bool owns) : LargeSubject
    {
        public override RunningService Service => service;

        public override Task IdleAsync() => service.IdleAsync();

        public override ValueTask DisposeAsync() => owns ? service.DisposeAsync() : ValueTask.CompletedTask;
    }
}
