using System.CommandLine;
using Sgl.Cli.Evaluation;
using Sgl.Cli.Internal;
using Sgl.Evaluation;
using Sgl.Experiments;
using Sgl.Guidance;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl eval</c>: a benchmark over a pair of models, methods side by side; or every table of the paper.</summary>
internal static class EvalCommand
{
    private const string Synthetic = "benchmarks/synthetic";

    public static Command Create(Terminal terminal)
    {
        var benchmark = new Option<string?>("--benchmark", "-b") { Description = $"Which: {string.Join(", ", Benchmarks.All.Select(b => b.Name))}.", HelpName = "NAME" };
        var metric = new Option<string?>("--metric") { Description = $"Another metric than the benchmark's: {string.Join(", ", Metric.All.Select(m => m.Name))}.", HelpName = "NAME" };
        var data = new Option<string?>("--data") { Description = "Folder of the benchmark, laid out as the InternVL evaluation does, or one data file. Default for synthetic: benchmarks/synthetic.", HelpName = "PATH" };
        var images = new Option<string?>("--images") { Description = "Folder in which images are looked for first.", HelpName = "DIR" };
        var (small, large) = (CommonOptions.Small(), CommonOptions.Large());
        var smallPlacement = Placement("--small-placement", "small");
        var largePlacement = Placement("--large-placement", "large");
        var weights = CommonOptions.Weights();
        var router = new Option<string?>("--router") { Description = "Evaluate running services, host:port of the router, instead of loading the models here.", HelpName = "ADDRESS" };
        var methods = ListOptions.Words("--methods", $"Methods, separated by commas: {string.Join(", ", MethodSelection.Names)}. Default: sgp.", "NAME,...");
        var retention = ListOptions.Numbers("--retention", "Average share of visual tokens over the layers, in percent. Default: 64,35,9.", "PERCENT,...");
        var pruneLayer = new Option<int?>("--prune-layer") { Description = "Layer in front of which tokens are dropped, in place of --retention.", HelpName = "K", CustomParser = Parsers.Count };
        var keepRatio = CommonOptions.KeepRatio();
        var tileThresholds = ListOptions.Numbers("--tile-threshold", "Thresholds of the method tiles, 0 (all tiles stay) to 1. Default: 0.5.", "A,...");
        var fractions = ListOptions.Numbers("--layers-fraction", "Importance from the first share of the layers, above 0 to 1. Default: 1.", "F,...");
        var sources = ListOptions.Names<ImportanceSource>("--source", "Tokens whose attention counts");
        var variants = ListOptions.Names<ImportanceVariant>("--variant", "Rows as in the authors' code or in the paper's text");
        var rules = ListOptions.Words("--rule", $"Rules that sgp's importance is used by: paper, {string.Join(", ", GuidanceRule.Names)}, each with :NUMBER for its parameter. Default: paper.", "NAME[:NUMBER],...");
        var criteria = ListOptions.Names<ExitCriterion>("--criterion", "Exit criteria to compare. Default: all");
        var limit = new Option<int?>("--limit", "--questions") { Description = "Ask the first N questions. Default: all; with --paper 1000.", HelpName = "N", CustomParser = Parsers.Count };
        var skipBad = new Option<bool>("--skip-bad") { Description = "Go on after broken lines, missing images and failed answers, and count them." };
        var concurrency = new Option<int?>("--concurrency") { Description = "Questions in flight. Default 1: with more, the times are those of a busy machine.", HelpName = "N", CustomParser = Parsers.Count };
        var batch = new Option<int?>("--batch")
        {
            Description = "Questions asked together: pictures, beginnings of prompts and decode steps are shared, and no times are taken. Scores are those of one by one. 8 is a good number.",
            HelpName = "N",
            CustomParser = Parsers.Count,
        };
        var seed = new Option<int?>("--seed") { Description = "Seed of random masks. Default 0.", HelpName = "S", CustomParser = Parsers.Count };
        var output = new Option<string?>("--out") { Description = "Folder of results; the same folder continues a run. Default: out/eval/BENCHMARK; with --paper docs/results.", HelpName = "DIR" };
        var paper = new Option<bool>("--paper") { Description = "Make the paper's tables and figures for the pair (default: the demo pair on its synthetic benchmark)." };
        var command = new Command("eval", "Runs a benchmark over a pair of models and compares pruning methods and exit criteria. Stopped, it goes on where it was.")
        {
            benchmark, metric, data, images, small, large, smallPlacement, largePlacement, weights, router, methods, retention, pruneLayer, keepRatio, tileThresholds, fractions, sources,
            variants, rules, criteria, limit, skipBad, concurrency, batch, seed, output, paper,
        };
        command.Validators.Add(result =>
        {
            if (!result.GetValue(paper) && result.GetResult(benchmark) is null)
            {
                result.AddError("--benchmark is missing (or --paper).");
            }

            if (result.GetValue(paper) && (result.GetResult(router) ?? result.GetResult(methods) ?? result.GetResult(retention) ?? result.GetResult(metric)) is { } other)
            {
                result.AddError($"--paper excludes {other.Option.Name}: it has its own methods, in this process.");
            }

            if (result.GetResult(router) is not null && (result.GetResult(small) is not null || result.GetResult(large) is not null))
            {
                result.AddError("--router excludes --small and --large: running services have their own models.");
            }

            if (result.GetValue(batch) is > 1 && (result.GetValue(paper) || (result.GetResult(concurrency) ?? result.GetResult(router)) is not null))
            {
                result.AddError("--batch excludes --paper, which takes times, --concurrency, and --router, whose services share what they can anyway.");
            }

            if (result.GetResult(retention) is not null && (result.GetResult(pruneLayer) is not null || result.GetResult(keepRatio) is not null))
            {
                result.AddError("--retention excludes --prune-layer and --keep-ratio.");
            }
        });
        var pictures = new PictureOptions();
        pictures.AddTo(command, router);
        command.Validators.Add(result =>
        {
            if (result.GetValue(criteria)?.Contains(ExitCriterion.Learnt) == true)
            {
                result.AddError("--criterion Learnt: no answer has that score by itself; 'sgl calibrate --from results.jsonl --criterion Learnt' learns it and says what it is worth.");
            }
        });
        command.SetAction((result, cancellationToken) =>
        {
            var name = result.GetValue(benchmark) ?? "synthetic";
            var chosen = Benchmarks.Named(name);
            var other = result.GetValue(metric);
            var reading = new DatasetOptions
            {
                SkipBad = result.GetValue(skipBad),
                ImageRoot = result.GetValue(images),
                Limit = result.GetValue(limit) ?? (result.GetValue(paper) ? 1000 : null),
            };
            var line = "sgl " + string.Join(' ', result.Tokens.Select(t => t.Value));
            var runSeed = (ulong)(result.GetValue(seed) ?? 0);
            PairOfModels Models() => new(
                CheckpointFolders.Small(result.GetValue(small)), CheckpointFolders.Large(result.GetValue(large)),
                result.GetValue(smallPlacement), result.GetValue(largePlacement), result.GetValue(weights))
            {
                Pictures = pictures.Of(result),
                Batch = Math.Max(1, result.GetValue(batch) ?? 1),
            };
            var path = result.GetValue(data) ?? Default(name);
            if (result.GetValue(paper))
            {
                return new PaperRun(terminal)
                {
                    Benchmark = chosen,
                    Data = path,
                    Reading = reading,
                    Models = Models(),
                    Seed = runSeed,
                    Output = result.GetValue(output) ?? "docs/results",
                    Command = line,
                }.RunAsync(cancellationToken);
            }

            return new EvalRun(terminal)
            {
                Benchmark = other is null ? chosen : chosen.With(Metric.Named(other)),
                ResultFile = other is null ? "results.jsonl" : $"results-{other}.jsonl",
                Data = path,
                Reading = reading,
                Methods = new MethodSelection
                {
                    Methods = [.. Given(methods, "sgp").Select(MethodSelection.Named)],
                    Retentions = Given(retention, 64, 35, 9),
                    PruneLayer = result.GetValue(pruneLayer),
                    KeepRatio = result.GetValue(keepRatio),
                    TileThresholds = Given(tileThresholds, TileSelection.DefaultThreshold),
                    LayerFractions = Given(fractions, 1),
                    Sources = Given(sources, ImportanceSource.PromptAndGenerated),
                    Variants = Given(variants, ImportanceVariant.Reference),
                    Rules = [.. Given(rules, "paper").Select(GuidanceRule.Parse)],
                    Seed = runSeed,
                },
                Models = Models,
                Router = result.GetValue(router) is { } address ? RouterClient.ParseAddress(address) : null,
                Criteria = result.GetValue(criteria) is { Length: > 0 } some ? some : null,
                Concurrency = Math.Max(1, result.GetValue(concurrency) ?? 1),
                Batch = Math.Max(1, result.GetValue(batch) ?? 1),
                Output = result.GetValue(output) ?? Path.Combine("out", "eval", name),
                Command = line,
            }.RunAsync(cancellationToken);

            // A list that was not given comes as an empty one.
            T[] Given<T>(Option<T[]?> option, params T[] usual) => result.GetValue(option) is { Length: > 0 } given ? given : usual;
        });
        return command;
    }

    private static string Default(string benchmark) => benchmark != "synthetic"
        ? throw new CliException($"--data is missing: where the files of {benchmark} lie", ExitCodes.Usage)
        : RepositoryFiles.Find(Synthetic, Directory.Exists)
            ?? throw new CliException($"{Synthetic} was not found from here or from the program upwards; give its folder with --data");

    private static Option<string?> Placement(string name, string role) => new(name)
    {
        Description = $"Devices of the {role} model, as for 'serve'. Default: cpu.",
        HelpName = "DEVICES",
    };
}
