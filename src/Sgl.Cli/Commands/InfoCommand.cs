using System.CommandLine;
using Sgl.Cli.Internal;
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
        var command = new Command("info", "Checks a checkpoint folder and says what is in it, or whether one can guide another, without loading weights.") { folder, large };
        command.SetAction(result =>
        {
            if (result.GetValue(folder) is not { } path)
            {
                terminal.Out.Write(FamilyTable.Create());
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
