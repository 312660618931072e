using Google.Rpc;
using Grpc.Core;
using Sgl.Batch;
using Sgl.Evaluation;
using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.Models;
using Sgl.Policies;
using Sgl.Text;
using Sgl.Verification;
using Sgl.Vision;

namespace Sgl.Cli.Internal;

/// <summary>Turns exceptions into what a person at a terminal reads.</summary>
internal static class Failures
{
    /// <summary>Writes the error.</summary>
    /// <returns>The exit code.</returns>
    public static int Report(Exception exception, Terminal terminal, bool verbose, bool stopped)
    {
        if (stopped && exception is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled })
        {
            terminal.Hint("stopped");
            return ExitCodes.Stopped;
        }

        var (lines, exitCode) = Explain(exception);
        terminal.Error(lines[0]);
        foreach (var line in lines.Skip(1))
        {
            terminal.Hint($"  {line}");
        }

        if (verbose)
        {
            terminal.Hint(exception.ToString());
        }

        return exitCode;
    }

    private static (IReadOnlyList<string> Lines, int ExitCode) Explain(Exception exception) => exception switch
    {
        CliException e => ([e.Message], e.ExitCode),
        BatchException e => (e.Message.Split('\n'), ExitCodes.Failed),
        CheckpointException e => (Checkpoint(e), ExitCodes.Failed),
        AggregateException e when e.InnerExceptions.All(i => i is CheckpointException) => ([.. e.InnerExceptions.SelectMany(i => Checkpoint((CheckpointException)i))], ExitCodes.Failed),
        StartupException { InnerException: CheckpointException e } => (Checkpoint(e), ExitCodes.Failed),
        EngineRequestException e => ([$"{e.Field}: {e.Message}"], ExitCodes.Failed),
        RpcException e => (Remote(e), ExitCodes.Failed),
        EvaluationException or GuidanceException or ImageException or TokenizerException or PromptException or TextTooLongException
            or EngineSettingsException or SettingsFileException or PolicyFileException or GoldenDataException => ([exception.Message], ExitCodes.Failed),
        OperationCanceledException => (["cancelled"], ExitCodes.Failed),
        _ when ServiceRunner.Explain(exception) is (not ServiceRunner.Failed, { Count: > 0 } lines) => (lines, ExitCodes.Failed),
        IOException or UnauthorizedAccessException => ([exception.Message], ExitCodes.Failed),
        _ => ([$"unexpected {exception.GetType().Name}: {exception.Message} (--verbose shows where)"], ExitCodes.Failed),
    };

    private static IReadOnlyList<string> Checkpoint(CheckpointException e) => e.Problems.Count == 1
        ? [e.Folder is null ? e.Problems[0].ToString() : $"checkpoint '{e.Folder}' cannot be used: {e.Problems[0]}"]
        : [$"checkpoint '{e.Folder}' cannot be used, {e.Problems.Count} problems:", .. e.Problems.Select(p => p.ToString())];

    private static IReadOnlyList<string> Remote(RpcException e)
    {
        var violations = e.GetRpcStatus()?.GetDetail<BadRequest>()?.FieldViolations.Select(v => $"{v.Field}: {v.Description}").ToList();
        return violations switch
        {
            { Count: 1 } => violations,
            { Count: > 1 } => [$"the request has {violations.Count} faults:", .. violations],
            _ => [$"{e.Status.Detail} ({e.StatusCode})"],
        };
    }
}
