using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Grpc.Net.Client;

namespace Sgl.LoadTest;

/// <summary>A service as a process of its own on loopback ports that the system chose.</summary>
internal sealed partial class ServiceProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly TaskCompletionSource<Match> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _serving = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServiceProcess(string name, Process process)
    {
        Name = name;
        _process = process;
        process.EnableRaisingEvents = true;
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.ErrorDataReceived += (_, e) => Take(e.Data);
        process.Exited += (_, _) => Fail();
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary><c>small</c>, <c>large</c> or <c>router</c>.</summary>
    public string Name { get; }

    public int Id => _process.Id;

    public Uri Grpc { get; private set; } = new("http://localhost");

    public Uri Metrics { get; private set; } = new("http://localhost");

    public Uri? Http { get; private set; }

    public GrpcChannel Channel { get; private set; } = null!;

    /// <summary>Resident memory, bytes.</summary>
    public long Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Time on a core so far.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>What it wrote so far.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>Starts a service and waits until it serves.</summary>
    /// <param name="name"><c>small</c>, <c>large</c> or <c>router</c>.</param>
    /// <param name="settings"><c>Key=value</c>.</param>
    /// <param name="wait">Whether to wait for SERVING, and not only for the port.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="cores">Where it may run, as <c>taskset</c> writes them; null: where this program may.</param>
    /// <param name="heap">Most bytes of its managed heap; null: what the machine has.</param>
    public static async Task<ServiceProcess> StartAsync(
        string name, IEnumerable<string> settings, bool wait, CancellationToken cancellationToken, string? cores = null, long? heap = null)
    {
        var assembly = name switch { "small" => "Sgl.SmallService.dll", "large" => "Sgl.LargeService.dll", _ => "Sgl.Router.dll" };
        var start = new ProcessStartInfo(cores is null ? "dotnet" : "taskset") { RedirectStandardError = true, RedirectStandardOutput = true };
        if (heap is { } most)
        {
            start.Environment["DOTNET_GCHeapHardLimit"] = most.ToString("X", CultureInfo.InvariantCulture);
        }

        foreach (var argument in cores is null ? Array.Empty<string>() : ["--cpu-list", cores, "dotnet"])
        {
            start.ArgumentList.Add(argument);
        }

        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, assembly));
        foreach (var setting in new[] { "Listen:Port=0", "Listen:MetricsPort=0" }.Concat(name == "router" ? ["Listen:HttpPort=0"] : []).Concat(settings))
        {
            start.ArgumentList.Add($"--{setting}");
        }

        var service = new ServiceProcess(name, new Process { StartInfo = start });
        try
        {
            var line = await service._listening.Task.WaitAsync(TimeSpan.FromMinutes(2), cancellationToken);
            service.Grpc = new Uri(line.Groups["grpc"].Value);
            service.Metrics = new Uri(line.Groups["metrics"].Value);
            service.Http = line.Groups["http"].Value.StartsWith("http", StringComparison.Ordinal) ? new Uri(line.Groups["http"].Value) : null;
            service.Channel = GrpcChannel.ForAddress(service.Grpc, new GrpcChannelOptions
            {
                MaxReceiveMessageSize = null,
                MaxSendMessageSize = null,
                HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true },
                DisposeHttpClient = true,
            });
            if (wait)
            {
                await service._serving.Task.WaitAsync(TimeSpan.FromMinutes(5), cancellationToken);
            }

            return service;
        }
        catch
        {
            await service.DisposeAsync();
            throw;
        }
    }

    /// <summary>The value of a metric, summed over its labels; 0 where there is none.</summary>
    /// <param name="name">Its name, with or without a part of its labels, e.g. <c>sgl_requests_total{path="failed"</c>.</param>
    public async Task<double> MetricAsync(string name, CancellationToken cancellationToken)
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(new Uri(Metrics, "/metrics"), cancellationToken);
        return text.Split('\n')
            .Where(l => l.StartsWith(name, StringComparison.Ordinal) && (name.Contains('{', StringComparison.Ordinal) || l[name.Length] is ' ' or '{'))
            .Sum(l => double.Parse(l[(l.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }

    /// <summary>Sends a signal, e.g. <c>KILL</c>, <c>TERM</c>, <c>STOP</c>, <c>CONT</c>.</summary>
    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Channel?.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_lines)
        {
            _lines.Add(line);
        }

        if (ListeningLine().Match(line) is { Success: true } match)
        {
            _listening.TrySetResult(match);
        }
        else if (line.Contains("is now SERVING", StringComparison.Ordinal))
        {
            _serving.TrySetResult();
        }
    }

    private void Fail()
    {
        var error = new InvalidOperationException($"The {Name} service ended:\n{string.Join('\n', Lines.TakeLast(20))}");
        _listening.TrySetException(error);
        if (_serving.TrySetException(error))
        {
            _ = _serving.Task.Exception; // not everybody waits for it
        }
    }

    [GeneratedRegex(@"listens on (?<grpc>\S+); metrics on (?<metrics>\S+); HTTP on (?<http>\S+)")]
    private static partial Regex ListeningLine();
}
