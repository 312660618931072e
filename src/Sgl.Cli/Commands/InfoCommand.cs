using System.CommandLine;
using Sgl.Cli.Internal;
using Sgl.Models;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl info</c>: what a checkpoint folder is, without loading it.</summary>
internal static class InfoCommand
{
    public static Command Create(Terminal terminal)
    {
        var folder = new Argument<string>("folder") { Description = "Checkpoint folder.", HelpName = "DIR" };
        var command = new Command("info", "Checks a checkpoint folder and says what is in it, without loading weights.") { folder };
        command.SetAction(result =>
        {
            using var checkpoint = Checkpoint.Open(result.GetValue(folder)!);
            terminal.Out.Write(CheckpointTable.Create(checkpoint));
            return ExitCodes.Success;
        });
        return command;
    }
}
