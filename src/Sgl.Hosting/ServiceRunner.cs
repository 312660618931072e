using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting;

/// <summary>Runs a service process: errors at start become one clear line each and an exit code, not a stack trace.</summary>
public static class ServiceRunner
{
    /// <summary>Ended in order.</summary>
    public const int Success = 0;

    /// <summary>Something unforeseen; the whole exception was written.</summary>
    public const int Failed = 1;

    /// <summary>Settings are wrong.</summary>
    public const int BadSettings = 2;

    /// <summary>A port is in use or cannot be bound.</summary>
    public const int CannotListen = 3;

    /// <summary>A checkpoint or other file the service needs is wrong; see <see cref="StartupException"/>.</summary>
    public const int CannotLoad = 4;

    /// <summary>Creates and runs the application until it is told to stop; with <c>--help</c> among the arguments it prints the settings instead.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="create">Builds the application from the command line.</param>
    /// <param name="required">Arguments for settings without which the application cannot even be built, to tell its settings.</param>
    /// <returns>The exit code of the process.</returns>
    public static Task<int> RunAsync(string[] args, Func<string[], WebApplication> create, params string[] required)
    {
        ArgumentNullException.ThrowIfNull(create);
        return ServiceHelp.IsAsked(args) ? HelpAsync(() => create([.. ServiceHelp.Arguments, .. required]), Console.Out, Console.Error) : RunAsync(() => create(args), Console.Error);
    }

    internal static Task<int> RunAsync(Func<WebApplication> create, TextWriter output) => RunAsync(create, app => app.RunAsync(), output);

    private static Task<int> HelpAsync(Func<WebApplication> create, TextWriter output, TextWriter errors) => RunAsync(
        create,
        app =>
        {
            ServiceHelp.Write(app.Services, output);
            return Task.CompletedTask;
        },
        errors);

    private static async Task<int> RunAsync(Func<WebApplication> create, Func<WebApplication, Task> run, TextWriter output)
    {
        try
        {
            await using var app = create();
            await run(app);
            return Success;
        }
        catch (Exception e)
        {
            var (code, lines) = Explain(e);
            foreach (var line in lines)
            {
                await output.WriteLineAsync($"error: {(code == Failed ? line : PrintableText.Escape(line))}");
            }

            return code;
        }
    }

    /// <summary>The lines and the exit code for an error at start; for hosts that run several services in one process.</summary>
    public static (int ExitCode, IReadOnlyList<string> Lines) Explain(Exception exception) => exception switch
    {
        OptionsValidationException e => (BadSettings, [.. e.Failures]),
        AggregateException e when e.InnerExceptions.All(i => i is OptionsValidationException) =>
            (BadSettings, [.. e.InnerExceptions.Cast<OptionsValidationException>().SelectMany(i => i.Failures)]),
        InvalidDataException e when SettingsFile.Explain(e) is { } line => (BadSettings, [line]),
        SettingsFileException e => (BadSettings, [e.Message]),
        StartupException e => (CannotLoad, [e.Message]),
        IOException { InnerException: AddressInUseException } e =>
            (CannotListen, [$"{Sentence(e.Message)}: another process has this port. Stop it, or choose another with Listen:Port, Listen:MetricsPort or Listen:HttpPort."]),
        SocketException e => (CannotListen, [$"The address cannot be bound: {e.Message}. Check Listen:Address and the ports."]),
        IOException { InnerException: SocketException } e => (CannotListen, [$"{Sentence(e.Message)}. Check Listen:Address and the ports."]),
        _ => (Failed, [exception.ToString()]),
    };

    private static string Sentence(string message) => message.Split(':', 2) is [var head, var tail] && tail.StartsWith("//", StringComparison.Ordinal)
        ? $"{head}:{tail[..tail.LastIndexOf(':')]}"
        : message.TrimEnd('.');
}

/// <summary>A service cannot start because of something its operator can fix; the message says what and how.</summary>
public sealed class StartupException : Exception
{
    /// <summary>Creates the error.</summary>
    public StartupException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
