namespace Sgl.Cli.Internal;

/// <summary>An error whose message is all that the person at the terminal needs.</summary>
internal sealed class CliException(string message, int exitCode = ExitCodes.Failed, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>What the process ends with.</summary>
    public int ExitCode { get; } = exitCode;
}
