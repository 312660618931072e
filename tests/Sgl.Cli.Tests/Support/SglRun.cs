namespace Sgl.Cli.Tests;

/// <summary>What a run of <c>sgl</c> left.</summary>
/// <param name="ExitCode">Exit code.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
internal sealed record SglRun(int ExitCode, string Output, string Error)
{
    /// <summary>Lines of standard output.</summary>
    public IReadOnlyList<string> Lines => Output.Split('\n');

    /// <summary>Asserts that exactly one error was written, as one clear line without a stack trace, and returns it.</summary>
    public string OneError(int exitCode = 1)
    {
        Assert.True(ExitCode == exitCode, $"expected exit code {exitCode}, found {ExitCode}: {Error}");
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        return Assert.Single(Error.Split('\n'), line => line.StartsWith("error: ", StringComparison.Ordinal));
    }

    /// <summary>Asserts that nothing failed.</summary>
    public SglRun Succeeded()
    {
        Assert.True(ExitCode == 0, $"expected exit code 0, found {ExitCode}: {Error}\n{Output}");
        Assert.DoesNotContain("error: ", Error, StringComparison.Ordinal);
        return this;
    }
}
