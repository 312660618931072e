using Spectre.Console;

namespace Sgl.Cli.Internal;

/// <summary>Results on standard output, progress and errors on standard error; live widgets only where a person watches.</summary>
internal sealed class Terminal
{
    // Lines of a log are not broken by us.
    private const int WidthWithoutTerminal = 220;

    public Terminal()
    {
        Out = Create(Console.Out, Console.IsOutputRedirected);
        Status = Create(Console.Error, Console.IsErrorRedirected);
        IsInteractive = !Console.IsErrorRedirected
            && Status.Profile.Capabilities.Ansi
            && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI"));
    }

    /// <summary>Results.</summary>
    public IAnsiConsole Out { get; }

    /// <summary>Progress.</summary>
    public IAnsiConsole Status { get; }

    /// <summary>Whether standard error can show live widgets.</summary>
    public bool IsInteractive { get; }

    /// <summary>One line of error.</summary>
    public void Error(string message)
    {
        Status.Write(new Styled("error: ", new Style(Color.Red)));
        Plain(Status, message);
    }

    /// <summary>One line about what goes on.</summary>
    public void Hint(string message) => Plain(Status, message);

    /// <summary>One line of a result, in one style.</summary>
    public void Line(string text = "", Style? style = null)
    {
        Out.Write(new Styled(text, style));
        Out.WriteLine();
    }

    // Written as they are: a path that is broken into two lines cannot be copied.
    private static void Plain(IAnsiConsole console, string message) => console.Profile.Out.Writer.WriteLine(Printable.Clean(message));

    private static IAnsiConsole Create(TextWriter writer, bool redirected)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        if (redirected)
        {
            console.Profile.Width = WidthWithoutTerminal;
            console.Profile.Capabilities.Interactive = false;
        }

        return console;
    }
}
