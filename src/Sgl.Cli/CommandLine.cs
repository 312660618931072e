using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Sgl.Cli.Commands;
using Sgl.Cli.Internal;
using Sgl.Hosting;

namespace Sgl.Cli;

/// <summary>The commands of <c>sgl</c>, and what all of them do with wrong usage, errors and signals.</summary>
internal static class CommandLine
{
    private static readonly Option<bool> Verbose = new("--verbose")
    {
        Description = "On an error, show the whole exception; 'serve' logs more.",
        Recursive = true,
    };

    /// <summary>Runs one command.</summary>
    /// <returns>The exit code of the process; see <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        var terminal = new Terminal();
        var root = Create(terminal);

        // A question may begin with '@'; that is no file to read arguments from.
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var errors = parsed.Action is ParseErrorAction ? parsed.Errors.Select(e => e.Message).ToList() : Empty(parsed.CommandResult);
        if (errors.Count > 0)
        {
            errors.ForEach(terminal.Error);

            terminal.Hint($"'{Path(parsed.CommandResult.Command)} --help' shows how it is used.");
            return ExitCodes.Usage;
        }

        using var stop = new StopSignal();
        using var tracing = Tracing.Start("sgl");
        try
        {
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await parsed.InvokeAsync(configuration, stop.Token);
        }
        catch (Exception e)
        {
            return Failures.Report(e, terminal, parsed.GetValue(Verbose), stop.IsRequested);
        }
    }

    /// <summary>Arguments and options that hold nothing: a variable that was not set. Only a system message may be empty, and then there is none.</summary>
    private static List<string> Empty(CommandResult command) =>
    [
        .. command.Children
            .Where(c => c.Tokens.Any(t => string.IsNullOrWhiteSpace(t.Value)))
            .Select(c => c switch { OptionResult o => o.Option.Name, ArgumentResult a => a.Argument.Name, _ => string.Empty })
            .Where(name => name is not ("" or "--system"))
            .Select(name => $"{name} is empty."),
    ];

    private static RootCommand Create(Terminal terminal)
    {
        var root = new RootCommand("Serves a small and a large vision-language model as one: the small one answers, guides the large one, and decides whether it is needed.")
        {
            DemoCommand.Create(terminal),
            AskCommand.Create(terminal),
            ShowCommand.Create(terminal),
            ServeCommand.Create(terminal, Verbose),
            KeysCommand.Create(terminal),
            BatchCommand.Create(terminal),
            EvalCommand.Create(terminal),
            CalibrateCommand.Create(terminal),
            VerifyCommand.Create(terminal),
            InfoCommand.Create(terminal),
        };
        root.Options.Add(Verbose);
        root.SetAction(_ => root.Parse(["--help"]).Invoke());
        return root;
    }

    private static string Path(Command command) => command.Parents.OfType<Command>().FirstOrDefault() is { } parent
        ? $"{Path(parent)} {command.Name}"
        : "sgl";
}
