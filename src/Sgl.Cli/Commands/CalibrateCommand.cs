using System.CommandLine;
using Sgl.Cli.Evaluation;
using Sgl.Cli.Internal;
using Sgl.Evaluation;
using Sgl.Guidance;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl calibrate</c>: from requests to a router's exit policy.</summary>
internal static class CalibrateCommand
{
    private const double UsualExitRatio = 0.6;

    public static Command Create(Terminal terminal)
    {
        var data = new Option<string?>("--data")
        {
            Description = "Requests, one JSON object per line: image, question, and answer where it is known. Or a benchmark's folder, with --benchmark.",
            HelpName = "PATH",
        };
        var benchmark = new Option<string>("--benchmark", "-b") { Description = "Format and metric of the data. Default: requests.", HelpName = "NAME", DefaultValueFactory = _ => "requests" };
        var from = new Option<string?>("--from") { Description = "Calibrate from the results of 'sgl eval', without running models.", HelpName = "FILE" };
        var method = new Option<string?>("--method") { Description = "With --from: key of the large model's method. Default: the SGP one that keeps most.", HelpName = "KEY" };
        var (small, large) = (CommonOptions.Small(), CommonOptions.Large());
        var router = new Option<string?>("--router")
        {
            Description = "Ask running services, host:port of the router, instead of loading the models here; the large one may be a foreign engine.",
            HelpName = "ADDRESS",
        };
        var exitRatio = new Option<double?>("--exit-ratio") { Description = "Share of requests that shall exit; needs no right answers. Default 0.6.", HelpName = "R", CustomParser = Parsers.Share };
        var accuracy = new Option<double?>("--accuracy") { Description = "Share of answers that shall be right; needs right answers.", HelpName = "A", CustomParser = Parsers.Share };
        var of = new Option<AccuracyTarget?>("--of")
        {
            Description = "What --accuracy speaks about: the answers that exit (Exited, default) or all (Overall).",
            HelpName = "NAME",
            CustomParser = Parsers.Name<AccuracyTarget>,
        };
        var cost = new Option<bool>("--cost") { Description = "Choose threshold, retention and tiles together, for the least time that reaches --accuracy over all answers." };
        var smallPrice = new Option<double?>("--small-price") { Description = "With --cost: what a second of the small model costs, so that money is minimised. Default 1: time.", HelpName = "P" };
        var largePrice = new Option<double?>("--large-price") { Description = "With --cost: what a second of the large model costs. Default 1.", HelpName = "P" };
        var criterion = CommonOptions.Criterion();
        var limit = new Option<int?>("--limit") { Description = "Take the first N requests. Default: all.", HelpName = "N", CustomParser = Parsers.Count };
        var skipBad = new Option<bool>("--skip-bad") { Description = "Go on after broken lines, missing images and failed answers." };
        var seed = new Option<int?>("--seed") { Description = "Seed of the bootstrap. Default 0.", HelpName = "S", CustomParser = Parsers.Count };
        var output = new Option<string>("--out") { Description = "The policy file.", HelpName = "FILE", DefaultValueFactory = _ => "policy.json" };
        var command = new Command("calibrate", "Finds the exit threshold for a wanted exit ratio or accuracy, and writes the policy that a router loads.")
        {
            data, benchmark, from, method, small, large, router, exitRatio, accuracy, of, cost, smallPrice, largePrice, criterion, limit, skipBad, seed, output,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(data) is null == result.GetResult(from) is null)
            {
                result.AddError("Give requests with --data, or results with --from.");
            }

            if (result.GetResult(router) is not null && (result.GetResult(small) ?? result.GetResult(large) ?? result.GetResult(from)) is not null)
            {
                result.AddError("--router excludes --small, --large and --from: running services have their own models.");
            }

            if (result.GetResult(exitRatio) is not null && result.GetResult(accuracy) is not null)
            {
                result.AddError("--exit-ratio excludes --accuracy.");
            }

            if (result.GetValue(cost) && (result.GetResult(accuracy) is null || (result.GetResult(of) ?? result.GetResult(method)) is not null))
            {
                result.AddError("--cost needs --accuracy, which speaks about all answers, and excludes --of and --method: it compares all methods.");
            }

            if (!result.GetValue(cost) && (result.GetResult(smallPrice) ?? result.GetResult(largePrice)) is not null)
            {
                result.AddError("--small-price and --large-price belong to --cost.");
            }

            if (result.GetResult(of) is not null && result.GetResult(accuracy) is null)
            {
                result.AddError("--of belongs to --accuracy.");
            }
        });
        command.SetAction((result, cancellationToken) =>
        {
            var target = result.GetValue(accuracy);
            var run = new CalibrateRun(terminal)
            {
                Criterion = result.GetValue(criterion) ?? ExitCriterion.Decision,
                Accuracy = target,
                ExitRatio = target is null ? result.GetValue(exitRatio) ?? UsualExitRatio : null,
                Of = result.GetValue(of) ?? AccuracyTarget.Exited,
                Prices = result.GetValue(cost) ? new CostPrices(result.GetValue(smallPrice) ?? 1, result.GetValue(largePrice) ?? 1) : null,
                Method = result.GetValue(method),
                Seed = (ulong)(result.GetValue(seed) ?? 0),
                Output = result.GetValue(output)!,
            };
            if (result.GetValue(from) is { } results)
            {
                return Task.FromResult(run.FromResults(results));
            }

            var reading = new DatasetOptions { SkipBad = result.GetValue(skipBad), Limit = result.GetValue(limit) };
            var line = "sgl " + string.Join(' ', result.Tokens.Select(t => t.Value));
            if (result.GetValue(router) is { } address)
            {
                return run.FromRouterAsync(Benchmarks.Named(result.GetValue(benchmark)!), result.GetValue(data)!, reading, RouterClient.ParseAddress(address), line, cancellationToken);
            }

            return run.FromRequestsAsync(
                Benchmarks.Named(result.GetValue(benchmark)!), result.GetValue(data)!, reading,
                new PairOfModels(CheckpointFolders.Small(result.GetValue(small)), CheckpointFolders.Large(result.GetValue(large))), line, cancellationToken);
        });
        return command;
    }
}
