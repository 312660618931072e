using System.Diagnostics;

namespace Sgl.Cli.Tests;

/// <summary>The built <c>sgl</c> in a process of its own, as a person or a script runs it.</summary>
internal sealed class SglProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private readonly Process _process;
    private readonly Task<string> _error;

    private SglProcess(IEnumerable<string> arguments, string? folder)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host ? host : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder ?? "",
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "sgl.dll"));
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        _error = _process.StandardError.ReadToEndAsync();
    }

    /// <summary>Process id.</summary>
    public int Id => _process.Id;

    /// <summary>Runs to the end.</summary>
    public static Task<SglRun> RunAsync(params string[] arguments) => RunInAsync(null, arguments);

    /// <summary>Runs to the end in a folder.</summary>
    public static async Task<SglRun> RunInAsync(string? folder, params string[] arguments)
    {
        using var sgl = new SglProcess(arguments, folder);
        return await sgl.EndAsync("");
    }

    /// <summary>Starts.</summary>
    public static SglProcess Start(params string[] arguments) => new(arguments, null);

    /// <summary>Reads standard output up to and with the line that begins with <paramref name="text"/>.</summary>
    public async Task<IReadOnlyList<string>> ReadToAsync(string text)
    {
        var lines = new List<string>();
        while (await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience) is { } line)
        {
            lines.Add(line);
            if (line.StartsWith(text, StringComparison.Ordinal))
            {
                return lines;
            }
        }

        throw new InvalidOperationException($"sgl ended without '{text}': {string.Join('\n', lines)}\n{await _error}");
    }

    /// <summary>Waits for the end.</summary>
    /// <param name="readBefore">Output that was read already.</param>
    public async Task<SglRun> EndAsync(string readBefore)
    {
        var output = await _process.StandardOutput.ReadToEndAsync().WaitAsync(Patience);
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return new SglRun(_process.ExitCode, readBefore + output, await _error);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }
}
