using System.CommandLine;
using System.Globalization;
using Sgl.Cli.Internal;
using Sgl.Inference;
using Sgl.Models;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl info</c>: what a checkpoint folder is, or whether one can guide another, without loading them.</summary>
internal static class InfoCommand
{
    public static Command Create(Terminal terminal)
    {
        var folder = new Argument<string?>("folder") { Description = "Checkpoint folder. None: what can be opened.", HelpName = "DIR", Arity = ArgumentArity.ZeroOrOne };
        var large = new Argument<string?>("large")
        {
            Description = "A second folder: says whether the first can guide it, why not, and whether its answers can be drafts.",
            HelpName = "LARGE",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var plan = new Option<bool>("--plan") { Description = "Says what the folder takes on GPUs and how many requests fit, from its config.json alone." };
        var gpus = new Option<string>("--gpus") { Description = "GPUs of the plan: how many, and GiB of each.", HelpName = "NxGIB", DefaultValueFactory = _ => "1x80" };
        var retention = new Option<double[]>("--retention")
        {
            Description = "Average shares of visual tokens that requests of the plan keep.",
            HelpName = "SHARES",
            CustomParser = Parsers.Shares,
            DefaultValueFactory = _ => [1, 0.35, 0.09],
        };
        var visual = new Option<int>("--visual-tokens") { Description = "Visual tokens of a request of the plan: 3328 are 13 tiles of InternVL.", HelpName = "N", DefaultValueFactory = _ => 3328 };
        var text = new Option<int>("--text-tokens") { Description = "Its other tokens, those to be generated included.", HelpName = "N", DefaultValueFactory = _ => 336 };
        var weights = new Option<string>("--weights") { Description = "Engine:Weights of the plan: auto, int8 or int4.", HelpName = "BITS", DefaultValueFactory = _ => "auto" };
        weights.AcceptOnlyFromAmong("auto", "float32", "int8", "int4");
        var json = new Option<bool>("--json") { Description = "Write the plan as one JSON object." };
        var command = new Command("info", "Checks a checkpoint folder and says what is in it, or whether one can guide another, without loading weights.")
        {
            folder, large, plan, gpus, weights, retention, visual, text, json,
        };
        command.SetAction(result =>
        {
            if (result.GetValue(folder) is not { } path)
            {
                terminal.Out.Write(FamilyTable.Create());
                return ExitCodes.Success;
            }

            if (result.GetValue(plan))
            {
                var shape = ModelShape.Open(path);
                var (count, gib) = Gpus(result.GetValue(gpus)!, shape.Config.Language.Layers);
                var options = new EngineOptions { Weights = result.GetValue(weights)! };
                var report = new PlanReport(
                    shape, MemoryPlan.For(shape, count, (long)(gib * (1L << 30)), options), options.Weights, result.GetValue(visual), result.GetValue(text), result.GetValue(retention)!);
                if (result.GetValue(json))
                {
                    Console.Out.WriteLine(report.ToJson());
                }
                else
                {
                    terminal.Out.Write(report.ToGrid());
                }

                return ExitCodes.Success;
            }

            if (result.GetValue(large) is { } second)
            {
                WritePair(path, second, terminal);
                return ExitCodes.Success;
            }

            using var checkpoint = Checkpoint.Open(path);
            terminal.Out.Write(CheckpointTable.Create(checkpoint));
            return ExitCodes.Success;
        });
        return command;
    }

    private static (int Count, double Gib) Gpus(string text, int layers) =>
        text.Split('x') is [var count, var gib]
        && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n >= 1 && n <= layers
        && double.TryParse(gib, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var size) && size is > 0 and <= 4096
            ? (n, size)
            : throw new CliException($"--gpus '{text}' is not of the form NxGIB with 1 to {layers} GPUs, such as 2x80");

    private static void WritePair(string small, string large, Terminal terminal)
    {
        try
        {
            using var one = Checkpoint.Open(small);
            using var other = Checkpoint.Open(large);
            terminal.Out.Write(PairTable.Create(one, other));
        }
        catch (CheckpointException first) when (first.Folder == small && small != large)
        {
            try
            {
                Checkpoint.Open(large).Dispose();
            }
            catch (CheckpointException second)
            {
                throw new AggregateException(first, second);
            }

            throw;
        }
    }
}
