using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Grpc.Core;
using Grpc.Net.Client;
using Sgl.Fuzz.Internal;

namespace Sgl.Fuzz;

/// <summary>The three services as processes of their own, so that what an attack costs each can be read from the system.</summary>
internal sealed partial class ServerProcesses : IAsyncDisposable
{
    private readonly Dictionary<string, Process> _processes = [];

    /// <summary>gRPC addresses: router, small, large.</summary>
    public Dictionary<string, Uri> Grpc { get; } = [];

    /// <summary>The router's HTTP API.</summary>
    public Uri Http { get; private set; } = null!;

    /// <summary>Starts all three on ports that the system chooses.</summary>
    public static async Task<ServerProcesses> StartAsync()
    {
        var servers = new ServerProcesses();
        foreach (var name in new[] { "small", "large" })
        {
            await servers.AddAsync(name, $"Sgl.{char.ToUpperInvariant(name[0])}{name[1..]}Service.dll", $"--Engine:Checkpoint={Corpus.Folder($"models/sgl-demo-{name}")}");
        }

        await servers.AddAsync("router", "Sgl.Router.dll", $"--Router:Small:Address={Authority("small")}", $"--Router:Large:Address={Authority("large")}", "--Listen:HttpPort=0");
        return servers;

        string Authority(string name) => servers.Grpc[name].GetLeftPart(UriPartial.Authority);
    }

    /// <summary>Bytes that a process holds now, and held at most.</summary>
    public (long Now, long Peak) Memory(string name)
    {
        var status = File.ReadAllLines($"/proc/{_processes[name].Id}/status");
        return (Line("VmRSS:"), Line("VmHWM:"));

        long Line(string key) => long.Parse(status.First(l => l.StartsWith(key, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) << 10;
    }

    /// <summary>Asks an ordinary question; how long it took.</summary>
    /// <exception cref="InvalidOperationException">A process has ended.</exception>
    public async Task<TimeSpan> AskAsync()
    {
        foreach (var (name, process) in _processes)
        {
            if (process.HasExited)
            {
                throw new InvalidOperationException($"the {name} service ended with {process.ExitCode}");
            }
        }

        var started = Stopwatch.GetTimestamp();
        using var channel = GrpcChannel.ForAddress(Grpc["router"]);
        var question = new Wire.AnswerRequest { Sampling = new Wire.Sampling { MaxNewTokens = 4 } };
        question.Messages.Add(new Wire.ChatMessage { Role = Wire.ChatRole.User, Parts = { new Wire.ChatPart { Text = "What shape is black?" } } });
        using var call = new Wire.RouterService.RouterServiceClient(channel).Answer(question, deadline: DateTime.UtcNow.AddMinutes(1));
        await foreach (var _ in call.ResponseStream.ReadAllAsync())
        {
        }

        return Stopwatch.GetElapsedTime(started);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes.Values)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    private async Task AddAsync(string name, string assembly, params string[] settings)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, assembly), "--Listen:Port=0", "--Listen:MetricsPort=0", .. settings];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var process = new Process { StartInfo = start };
        var (listening, serving) = (new TaskCompletionSource<string>(), new TaskCompletionSource());
        var said = new List<string>();
        process.OutputDataReceived += (_, e) => Hear(e.Data);
        process.ErrorDataReceived += (_, e) => Hear(e.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _processes[name] = process;
        try
        {
            var addresses = Address().Matches(await listening.Task.WaitAsync(TimeSpan.FromMinutes(2)));
            await serving.Task.WaitAsync(TimeSpan.FromMinutes(2));
            Grpc[name] = new Uri(addresses[0].Value);
            Http = name == "router" ? new Uri(addresses[^1].Value) : Http;
        }
        catch (TimeoutException)
        {
            throw new InvalidOperationException($"the {name} service does not start: {string.Join(" / ", said.TakeLast(5))}");
        }

        void Hear(string? line)
        {
            if (line is null)
            {
                return;
            }

            lock (said)
            {
                said.Add(line);
            }

            if (line.Contains("listens on", StringComparison.Ordinal))
            {
                listening.TrySetResult(line);
            }

            if (line.Contains("is now SERVING", StringComparison.Ordinal))
            {
                serving.TrySetResult();
            }
        }
    }

    [GeneratedRegex(@"http://[\w.]+:\d+")]
    private static partial Regex Address();
}
