using System.Diagnostics;

namespace Sgl.TestKit.Serving;

/// <summary>A service as a process of its own, as an operator starts it.</summary>
public sealed class ServiceProcess : IDisposable
{
    private readonly Process _process;
    private readonly List<string> _errors = [];
    private readonly List<string> _output = [];

    private ServiceProcess(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, e) => Collect(_errors, e.Data);
        process.OutputDataReceived += (_, e) => Collect(_output, e.Data);
        process.Start();
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
    }

    /// <summary>What was written to the error stream so far.</summary>
    public IReadOnlyList<string> Errors => Snapshot(_errors);

    /// <summary>What was written to the output stream so far.</summary>
    public IReadOnlyList<string> Output => Snapshot(_output);

    /// <summary>Starts the program.</summary>
    /// <param name="assembly">Its assembly beside the tests, e.g. <c>Sgl.SmallService.dll</c>.</param>
    /// <param name="settings">Command line.</param>
    public static ServiceProcess Start(string assembly, params string[] settings) => Start(assembly, [], settings);

    /// <summary>Starts the program.</summary>
    /// <param name="assembly">Its assembly beside the tests, e.g. <c>Sgl.SmallService.dll</c>.</param>
    /// <param name="environment">Variables beside those of the tests.</param>
    /// <param name="settings">Command line.</param>
    public static ServiceProcess Start(string assembly, Dictionary<string, string> environment, params string[] settings)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, assembly));
        foreach (var setting in settings)
        {
            start.ArgumentList.Add(setting);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new ServiceProcess(new Process { StartInfo = start });
    }

    /// <summary>Waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> ExitAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    /// <summary>Waits for a line of output that holds the text.</summary>
    public async Task<string> LineAsync(string text)
    {
        for (var i = 0; ; i++)
        {
            if (Output.FirstOrDefault(l => l.Contains(text, StringComparison.Ordinal)) is { } line)
            {
                return line;
            }

            Assert.True(i < 1200 && !_process.HasExited, $"'{text}' did not appear in:\n{string.Join('\n', Output.Concat(Errors))}");
            await Task.Delay(50);
        }
    }

    /// <summary>The most memory that the process ever had, in bytes, as the system counts it (VmHWM).</summary>
    public long PeakMemory()
    {
        var line = File.ReadLines($"/proc/{_process.Id}/status").Single(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line["VmHWM:".Length..^"kB".Length], System.Globalization.CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>What the system says of all mappings of a file, by name (Rss, Shared_Clean, ...), in bytes.</summary>
    public Dictionary<string, long> Mapped(string file)
    {
        var sums = new Dictionary<string, long>();
        var within = false;
        foreach (var line in File.ReadLines($"/proc/{_process.Id}/smaps"))
        {
            // A mapping's own line begins with addresses, those about it with a word and a colon.
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (!words[0].EndsWith(':'))
            {
                within = line.EndsWith(' ' + file, StringComparison.Ordinal);
            }
            else if (within && words[^1] == "kB")
            {
                sums[words[0][..^1]] = sums.GetValueOrDefault(words[0][..^1]) + (long.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture) * 1024);
            }
        }

        return sums;
    }

    /// <summary>Asks the process to end, as an orchestrator does.</summary>
    public void Terminate()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Ends the process as a crash does.</summary>
    public Task KillAsync()
    {
        _process.Kill();
        return _process.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static void Collect(List<string> lines, string? line)
    {
        if (line is { Length: > 0 })
        {
            lock (lines)
            {
                lines.Add(line);
            }
        }
    }

    private static List<string> Snapshot(List<string> lines)
    {
        lock (lines)
        {
            return [.. lines];
        }
    }
}
