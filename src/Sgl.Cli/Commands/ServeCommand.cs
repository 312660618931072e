using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Sgl.Cli.Internal;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl serve</c>: router, small and large service in one process, until Ctrl+C.</summary>
internal static class ServeCommand
{
    public static Command Create(Terminal terminal, Option<bool> verbose)
    {
        var (small, large) = (CommonOptions.Small(), CommonOptions.Large());
        var smallPlacement = Placement("--small-placement", "small");
        var largePlacement = Placement("--large-placement", "large");
        var pruneLayers = new Option<int[]>("--prune-layers")
        {
            Description = "Layers in front of which requests may prune the large model. Default: the paper's, by depth.",
            HelpName = "K",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
        };
        var port = Port("--port", "gRPC port of the router; the small and the large service take the next two. 0: the system chooses.", 5100);
        var httpPort = Port("--http-port", "Port of the router's HTTP API. Default: none.", null);
        var metricsPort = Port("--metrics-port", "Port of the router's metrics; the small and the large service take the next two. Default: none.", null);
        var address = new Option<string>("--address") { Description = "IP address to bind; * for all.", HelpName = "IP", DefaultValueFactory = _ => "localhost" };
        var (threshold, criterion, keepRatio) = (CommonOptions.Threshold(), CommonOptions.Criterion(), CommonOptions.KeepRatio());
        var policy = new Option<string?>("--policy") { Description = "A policy file: criterion and threshold.", HelpName = "FILE" };
        var exitRatio = new Option<double?>("--exit-ratio") { Description = "Share of requests that shall exit; the threshold follows the scores.", HelpName = "R" };
        var drain = new Option<int>("--drain") { Description = "Seconds that running requests have to end when stopping.", HelpName = "S", DefaultValueFactory = _ => 30 };
        var command = new Command("serve", "Runs router, small and large service in one process until Ctrl+C. For production give each its own process.")
        {
            small, large, smallPlacement, largePlacement, pruneLayers, port, httpPort, metricsPort, address, threshold, criterion, keepRatio, policy, exitRatio, drain,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            using var logging = LoggerFactory.Create(b => b
                .SetMinimumLevel(result.GetValue(verbose) ? LogLevel.Debug : LogLevel.Information)
                .AddFilter("Microsoft.AspNetCore", LogLevel.Warning)
                .AddFilter("Microsoft.Extensions", LogLevel.Warning)
                .AddFilter("Grpc", LogLevel.Warning)
                .AddSimpleConsole(o =>
                {
                    o.SingleLine = true;
                    o.TimestampFormat = "HH:mm:ss ";
                }));
            var options = new LocalServicesOptions
            {
                Small = CheckpointFolders.Small(result.GetValue(small)),
                Large = CheckpointFolders.Large(result.GetValue(large)),
                SmallPlacement = result.GetValue(smallPlacement),
                LargePlacement = result.GetValue(largePlacement),
                PruneLayers = result.GetValue(pruneLayers)!,
                Address = result.GetValue(address)!,
                Port = result.GetValue(port) ?? 0,
                HttpPort = result.GetValue(httpPort),
                MetricsPort = result.GetValue(metricsPort),
                DrainTimeout = TimeSpan.FromSeconds(Math.Max(0, result.GetValue(drain))),
                Router = RouterSettings(result.GetValue(threshold), result.GetValue(criterion)?.ToString(), result.GetValue(keepRatio), result.GetValue(policy), result.GetValue(exitRatio)),
                Logging = logging,
            };
            await using var services = await LocalServices.StartAsync(options, terminal, cancellationToken);
            Announce(terminal, services);
            await services.Stopped.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            terminal.Hint("stopping: no new requests, running ones end");
            await services.StopAsync();
            return cancellationToken.IsCancellationRequested ? ExitCodes.Success : ExitCodes.Failed;
        });
        return command;
    }

    private static Option<string?> Placement(string name, string role) => new(name)
    {
        Description = $"Devices of the {role} model: cpu, cuda:0, cuda*4 (equal shares), or ranges 0-23:cuda:0,24-47:cuda:1.",
        HelpName = "DEVICES",
    };

    private static Option<int?> Port(string name, string description, int? usual)
    {
        var option = new Option<int?>(name) { Description = description, HelpName = "PORT", DefaultValueFactory = _ => usual };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && (!int.TryParse(text, CultureInfo.InvariantCulture, out var value) || value is < 0 or > 65533))
            {
                result.AddError($"{name}: '{text}' is not a port from 0 to 65533.");
            }
        });
        return option;
    }

    private static Dictionary<string, string?> RouterSettings(double? threshold, string? criterion, double? keepRatio, string? policy, double? exitRatio)
    {
        var settings = new Dictionary<string, string?>();
        Set("Router:Policy:Threshold", threshold?.ToString(CultureInfo.InvariantCulture));
        Set("Router:Policy:Criterion", criterion);
        Set("Router:Policy:File", policy);
        Set("Router:Policy:TargetExitRatio", exitRatio?.ToString(CultureInfo.InvariantCulture));
        if (keepRatio is { } ratio)
        {
            Set("Router:Policy:Prune:0:LayerFraction", "0.2");
            Set("Router:Policy:Prune:0:KeepRatio", ratio.ToString(CultureInfo.InvariantCulture));
        }

        return settings;

        void Set(string key, string? value)
        {
            if (value is not null)
            {
                settings[key] = value;
            }
        }
    }

    private static void Announce(Terminal terminal, LocalServices services)
    {
        foreach (var name in new[] { "router", "small", "large" })
        {
            var at = services.Endpoints(name);
            var more = string.Concat(at.Http is { } http ? $", HTTP {http.Authority}" : "", at.Metrics is { } metrics ? $", metrics {metrics.Authority}" : "");
            terminal.Line($"{name,-7} gRPC {at.Grpc.Authority}{more}");
        }

        terminal.Line($"ready; ask with: sgl ask --router {services.Router.Authority} --image FILE \"QUESTION\"; stop with Ctrl+C");
    }
}
