using System.CommandLine;
using System.Globalization;
using Sgl.Cli.Internal;
using Sgl.Policies;
using Sgl.Router;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl serve</c>: router, small and large service in one process, until Ctrl+C.</summary>
internal static class ServeCommand
{
    private const int DefaultPort = 5100;

    public static Command Create(Terminal terminal, Option<bool> verbose)
    {
        var (small, large) = (CommonOptions.Small(), CommonOptions.Large());
        small.Description = "Checkpoint folder of the small model, or https://HOST/v1 of an engine that tells token probabilities; then --criterion Confidence. Default: the demo model.";
        small.HelpName = "DIR|URL";
        var smallModel = new Option<string?>("--small-model") { Description = "With a URL: what the engine calls the model.", HelpName = "NAME" };
        var smallKeyFile = new Option<string?>("--small-key-file") { Description = "With a URL: file with the engine's API key.", HelpName = "FILE" };
        var smallKeyVariable = new Option<string?>("--small-key-variable") { Description = "With a URL: environment variable with the engine's API key.", HelpName = "NAME" };
        large.Description = "Checkpoint folder of the large model, or https://HOST/v1 of an engine with an OpenAI-compatible API (vLLM, SGLang, ...). Default: the demo model.";
        large.HelpName = "DIR|URL";
        var largeModel = new Option<string?>("--large-model") { Description = "With a URL: what the engine calls the model.", HelpName = "NAME" };
        var largeKeyFile = new Option<string?>("--large-key-file") { Description = "With a URL: file with the engine's API key.", HelpName = "FILE" };
        var largeKeyVariable = new Option<string?>("--large-key-variable") { Description = "With a URL: environment variable with the engine's API key.", HelpName = "NAME" };
        var smallPlacement = Placement("--small-placement", "small");
        var largePlacement = Placement("--large-placement", "large");
        var weights = CommonOptions.Weights();
        var pruneLayers = new Option<int[]>("--prune-layers")
        {
            Description = "Layers in front of which requests may prune the large model. Default: the paper's, by depth.",
            HelpName = "K,K,...",
            AllowMultipleArgumentsPerToken = true,
            CustomParser = Parsers.Counts,
        };
        var port = Port("--port", "gRPC port of the router; the small and the large service take the next two. Default 5100; 0: the system chooses.");
        var httpPort = Port("--http-port", "Port of the router's HTTP API. Default: none.");
        var origins = new Option<string[]>("--allow-origin")
        {
            Description = "Origin whose pages may call the HTTP API and gRPC-Web from a browser, https://host[:port], https://*.host, or * for all. Give the option again for more.",
            HelpName = "ORIGIN",
        };
        var metricsPort = Port("--metrics-port", "Port of the router's metrics; the small and the large service take the next two. Default: none.");
        var address = new Option<string>("--address") { Description = "IP address that the router binds; * for all. Beyond this machine it needs --keys or --anonymous.", HelpName = "IP", DefaultValueFactory = _ => "localhost" };
        var (threshold, criterion, keepRatio) = (CommonOptions.Threshold(), CommonOptions.Criterion(), CommonOptions.KeepRatio());
        var (tiles, tileThreshold) = (CommonOptions.Tiles(), CommonOptions.TileThreshold());
        var policy = new Option<string?>("--policy") { Description = "A policy file: criterion and threshold.", HelpName = "FILE" };
        var exitRatio = new Option<double?>("--exit-ratio") { Description = "Share of requests that shall exit; the threshold follows the scores.", HelpName = "R", CustomParser = Parsers.Share };
        var strategy = new Option<PictureStrategy?>("--pictures")
        {
            Description = "What a foreign large model is sent: none (images as they came) or crops (an overview and the parts that the small model looked at). Default: none.",
            HelpName = "STRATEGY",
            CustomParser = Parsers.Name<PictureStrategy>,
        };
        var keys = new Option<string?>("--keys") { Description = "File with API keys (sgl keys new); then nobody is answered without one.", HelpName = "FILE" };
        var anonymous = new Option<bool>("--anonymous") { Description = "Anybody who reaches the address may ask, without a key." };
        var drain = new Option<int?>("--drain") { Description = "Seconds that running requests have to end when stopping. Default 30.", HelpName = "S", CustomParser = Parsers.Count };
        var command = new Command("serve", "Runs router, small and large service in one process until Ctrl+C. For production give each its own process.")
        {
            small, large, smallPlacement, largePlacement, weights, pruneLayers, port, httpPort, origins, metricsPort, address, threshold, criterion, keepRatio, policy, exitRatio, keys, anonymous,
            drain, tiles, tileThreshold, largeModel, largeKeyFile, largeKeyVariable, smallModel, smallKeyFile, smallKeyVariable, strategy,
        };
        var pictures = new PictureOptions();
        pictures.AddTo(command);
        command.SetAction(async (result, cancellationToken) =>
        {
            using var log = new ServeLog(result.GetValue(verbose));
            var engine = ForeignEngine.Of(result.GetValue(large), "large", result.GetValue(largeModel), result.GetValue(largeKeyFile), result.GetValue(largeKeyVariable));
            var smallEngine = ForeignEngine.Of(result.GetValue(small), "small", result.GetValue(smallModel), result.GetValue(smallKeyFile), result.GetValue(smallKeyVariable));
            var options = new LocalServicesOptions
            {
                Small = smallEngine is null ? CheckpointFolders.Small(result.GetValue(small)) : "",
                SmallEngine = smallEngine,
                Large = engine is null ? CheckpointFolders.Large(result.GetValue(large)) : "",
                LargeEngine = engine,
                SmallPlacement = result.GetValue(smallPlacement),
                LargePlacement = result.GetValue(largePlacement),
                Weights = result.GetValue(weights),
                PruneLayers = result.GetValue(pruneLayers) ?? [],
                Pictures = pictures.Of(result),
                Address = result.GetValue(address)!,
                Port = result.GetValue(port) ?? DefaultPort,
                HttpPort = result.GetValue(httpPort),
                MetricsPort = result.GetValue(metricsPort),
                DrainTimeout = TimeSpan.FromSeconds(result.GetValue(drain) ?? 30),
                Router = RouterSettings(
                    result.GetValue(threshold), result.GetValue(criterion)?.ToString(), result.GetValue(keepRatio), result.GetValue(policy), result.GetValue(exitRatio), result.GetValue(origins) ?? [],
                    result.GetValue(keys), result.GetValue(anonymous), result.GetValue(tiles), result.GetValue(tileThreshold), result.GetValue(strategy)),
                Logging = log.Factory,
            };
            await using var services = await LocalServices.StartAsync(options, terminal, cancellationToken);
            Announce(terminal, services);
            log.Open();
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

    private static Option<int?> Port(string name, string description) => new(name) { Description = description, HelpName = "PORT", CustomParser = Parsers.Port };

    private static Dictionary<string, string?> RouterSettings(
        double? threshold, string? criterion, double? keepRatio, string? policy, double? exitRatio, IReadOnlyList<string> origins, string? keys, bool anonymous,
        TilePolicy? tiles, double? tileThreshold, PictureStrategy? strategy)
    {
        var settings = new Dictionary<string, string?>();
        Set("Router:Policy:Threshold", threshold?.ToString(CultureInfo.InvariantCulture));
        Set("Router:Policy:Criterion", criterion);
        Set("Router:Policy:File", policy);
        Set("Router:Policy:Tiles", tiles?.ToString());
        Set("Router:Policy:TileThreshold", tileThreshold?.ToString(CultureInfo.InvariantCulture));
        Set("Router:Policy:Pictures:Strategy", strategy?.ToString());
        Set("Access:KeysFile", keys);
        Set("Router:Anonymous", anonymous ? "true" : null);
        Set("Router:Policy:TargetExitRatio", exitRatio?.ToString(CultureInfo.InvariantCulture));
        if (keepRatio is { } ratio)
        {
            Set("Router:Policy:Prune:0:LayerFraction", "0.2");
            Set("Router:Policy:Prune:0:KeepRatio", ratio.ToString(CultureInfo.InvariantCulture));
        }

        for (var i = 0; i < origins.Count; i++)
        {
            Set($"Router:Http:AllowedOrigins:{i}", origins[i]);
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

        if (services.Endpoints("router").Http is { } page && services.HasPage)
        {
            terminal.Line($"page    {page}");
        }

        if (services.LargeEngineProblem is { Length: > 0 } problem)
        {
            terminal.Hint($"the large model does not serve yet: {problem}; the small model answers meanwhile");
        }

        terminal.Line($"ready; ask with: sgl ask --router {services.Router.Authority} --image FILE \"QUESTION\"; stop with Ctrl+C");
    }
}
