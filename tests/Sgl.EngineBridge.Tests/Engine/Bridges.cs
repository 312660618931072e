using Microsoft.Extensions.Logging;
using Sgl.TestKit.Serving;

namespace Sgl.EngineBridge;

/// <summary>Starts bridges.</summary>
internal static class Bridges
{
    /// <summary>A bridge, without waiting for its engine.</summary>
    public static Task<RunningService> BeginAsync(Uri engine, string model, (string Key, string Value)[] settings, ILoggerFactory? log = null)
    {
        var all = new Dictionary<string, string?>
        {
            ["Bridge:Endpoint"] = engine.ToString(),
            ["Bridge:Model"] = model,
            ["Bridge:ProbeInterval"] = "00:00:00.1",
            ["Bridge:RetryDelay"] = "00:00:00.01",
            ["Listen:MetricsPort"] = "0",
            ["Listen:DrainTimeout"] = "00:00:01",
        };
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        return RunningService.StartLoadingAsync(EngineBridgeHost.CreateEmbedded(all, log));
    }

    /// <summary>A bridge whose engine serves.</summary>
    public static async Task<RunningService> StartAsync(Uri engine, string model, params (string Key, string Value)[] settings)
    {
        var bridge = await BeginAsync(engine, model, settings);
        await bridge.Health.WaitUntilServingAsync().WaitAsync(TimeSpan.FromMinutes(1));
        return bridge;
    }
}
