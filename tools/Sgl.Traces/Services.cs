using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Sgl.Traces;

/// <summary>The three services as processes of their own on the demo pair, as an operator starts them, with the standard variables for traces.</summary>
internal sealed partial class Services : IDisposable
{
    private readonly List<Process> _processes = [];

    private Services()
    {
    }

    /// <summary>gRPC address of the router.</summary>
    public Uri Router { get; private set; } = null!;

    /// <summary>Starts all three and waits until the router serves.</summary>
    /// <param name="models">Folder of the demo pair.</param>
    /// <param name="collector">Where spans are sent to.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public static async Task<Services> StartAsync(string models, Uri collector, CancellationToken cancellationToken)
    {
        var services = new Services();
        try
        {
            var small = await services.StartAsync("Sgl.SmallService.dll", collector, "is now SERVING", cancellationToken, $"--Engine:Checkpoint={Path.Combine(models, "sgl-demo-small")}");
            var large = await services.StartAsync("Sgl.LargeService.dll", collector, "is now SERVING", cancellationToken, $"--Engine:Checkpoint={Path.Combine(models, "sgl-demo-large")}");
            services.Router = await services.StartAsync(
                "Sgl.Router.dll", collector, "large service serves", cancellationToken,
                $"--Router:Small:Address={small.GetLeftPart(UriPartial.Authority)}", $"--Router:Large:Address={large.GetLeftPart(UriPartial.Authority)}", "--Listen:HttpPort=");
            return services;
        }
        catch
        {
            services.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            process.Dispose();
        }
    }

    private async Task<Uri> StartAsync(string assembly, Uri collector, string ready, CancellationToken cancellationToken, params string[] settings)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, assembly), "--Listen:Port=0", "--Listen:MetricsPort=", .. settings])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.ToString();
        start.Environment["OTEL_BSP_SCHEDULE_DELAY"] = "100"; // ms between two batches
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{assembly} does not start.");
        _processes.Add(process);
        Uri? address = null;
        var isReady = false;
        while (address is null || !isReady)
        {
            var line = await process.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException($"{assembly} has ended.");
            address ??= Listening().Match(line) is { Success: true } match ? new Uri(match.Groups[1].Value) : null;
            isReady |= line.Contains(ready, StringComparison.Ordinal);
        }

        _ = DrainAsync(process.StandardOutput);
        return address;
    }

    private static async Task DrainAsync(StreamReader output)
    {
        try
        {
            while (await output.ReadLineAsync() is not null)
            {
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The process is gone.
        }
    }

    [GeneratedRegex("listens on (http://[^;]+);")]
    private static partial Regex Listening();
}
