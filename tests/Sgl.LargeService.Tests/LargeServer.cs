using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>The large service on its demo model, shared by the tests that only ask it.</summary>
public sealed class LargeServer : IAsyncLifetime
{
    private RunningService? _service;

    internal RunningService Service => _service!;

    internal Wire.LargeService.LargeServiceClient Client => new(Service.Channel);

    public async Task InitializeAsync() => _service = await StartAsync();

    public async Task DisposeAsync() => await Service.DisposeAsync();

    internal static Task<RunningService> StartAsync(params (string Key, string Value)[] settings) =>
        RunningService.StartAsync(LargeServiceHost.CreateEmbedded(RunningService.Settings("large", settings)));

    internal Task<LargeAnswer> AnswerAsync(Wire.LargeInput input, Wire.Guidance guidance) =>
        LargeCalls.AnswerAsync(Client, new Wire.LargeServiceGenerateRequest { Input = input, Guidance = guidance });

    internal static async Task UntilAsync(Func<Task<bool>> holds)
    {
        for (var i = 0; !await holds(); i++)
        {
            Assert.True(i < 600, "it did not happen within 30 s");
            await Task.Delay(50);
        }
    }
}

[CollectionDefinition(nameof(LargeServer))]
public sealed class LargeServerGroup : ICollectionFixture<LargeServer>;
