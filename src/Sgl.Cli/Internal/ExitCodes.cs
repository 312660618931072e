namespace Sgl.Cli.Internal;

/// <summary>Exit codes of <c>sgl</c>.</summary>
internal static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Success = 0;

    /// <summary>It did not work; one line on standard error says why.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Stopped by a signal (128 + SIGINT).</summary>
    public const int Stopped = 130;
}
