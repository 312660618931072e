using System.Diagnostics;
using System.Net.Sockets;
using Sgl.TestKit;

namespace Sgl.Router.Tests;

/// <summary>A proxy of the system with the file of <c>deploy/proxies</c>, word for word but for addresses: it listens on sockets in a folder of its own.</summary>
internal sealed class ProxyProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _folder;
    private readonly List<string> _said = [];

    private ProxyProcess(string folder, ProcessStartInfo start)
    {
        _folder = folder;
        start.RedirectStandardError = true;
        start.RedirectStandardOutput = true;
        _process = new Process { StartInfo = start };
        _process.ErrorDataReceived += (_, e) => Collect(e.Data);
        _process.OutputDataReceived += (_, e) => Collect(e.Data);
        _process.Start();
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
    }

    /// <summary>Whether the program is installed.</summary>
    public static bool IsInstalled(string name) => Find(name) is not null;

    /// <summary>Starts it in front of two routers and waits until it listens.</summary>
    /// <param name="name"><c>nginx</c> or <c>haproxy</c>.</param>
    /// <param name="routers">Two.</param>
    public static async Task<ProxyProcess> StartAsync(string name, IReadOnlyList<RouterProcess> routers)
    {
        var folder = Directory.CreateTempSubdirectory("sgl-proxy-").FullName;
        var file = Path.Combine(folder, name);
        await File.WriteAllTextAsync(file, Settings(name, folder, routers));
        var start = new ProcessStartInfo(Find(name)!);
        string[] arguments = name == "nginx"
            ? ["-p", folder, "-c", file, "-g", $"daemon off; pid {folder}/pid; error_log stderr;"]
            : ["-db", "-f", file];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var proxy = new ProxyProcess(folder, start);
        foreach (var port in new[] { "grpc", "http" })
        {
            await proxy.UntilListeningAsync(port);
        }

        return proxy;
    }

    /// <summary>Connects every call to the proxy's gRPC port.</summary>
    public SocketsHttpHandler Grpc() => Handler("grpc");

    /// <summary>Connects every call to the proxy's HTTP port.</summary>
    public SocketsHttpHandler Http() => Handler("http");

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            // Nginx's workers end with their master only where it is asked to.
            using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
            await kill.WaitForExitAsync();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static string Settings(string name, string folder, IReadOnlyList<RouterProcess> routers)
    {
        var text = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "deploy", "proxies", name == "nginx" ? "nginx.conf" : "haproxy.cfg"));
        Replace("listen 5100 http2;", $"listen unix:{folder}/grpc http2;");
        Replace("listen 8080;", $"listen unix:{folder}/http;");
        Replace("bind :5100 ", $"bind {folder}/grpc ");
        Replace("bind :8080", $"bind {folder}/http");
        for (var i = 0; i < routers.Count; i++)
        {
            var router = routers[i];
            Replace($"router-{i + 1}:5100 port 9100", $"{router.Grpc.Authority} port {router.Metrics.Port}");
            Replace($"router-{i + 1}:8080 port 9100", $"{router.Http.Authority} port {router.Metrics.Port}");
            Replace($"server router-{i + 1}:5100", $"server {router.Grpc.Authority}");
            Replace($"server router-{i + 1}:8080", $"server {router.Http.Authority}");
        }

        Assert.DoesNotContain("5100", string.Join('\n', text.Split('\n').Where(l => !l.TrimStart().StartsWith('#'))), StringComparison.Ordinal);
        return text;

        void Replace(string from, string to) => text = text.Replace(from, to, StringComparison.Ordinal);
    }

    private static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Append("/usr/sbin")
        .Select(folder => Path.Combine(folder, name))
        .FirstOrDefault(File.Exists);

    private SocketsHttpHandler Handler(string port) => new()
    {
        ConnectCallback = async (_, cancellationToken) => new NetworkStream(await ConnectAsync(port, cancellationToken), ownsSocket: true),
    };

    private async Task<Socket> ConnectAsync(string port, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(_folder, port)), cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task UntilListeningAsync(string port)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                (await ConnectAsync(port, CancellationToken.None)).Dispose();
                return;
            }
            catch (SocketException) when (i < 600 && !_process.HasExited)
            {
                await Task.Delay(50);
            }
            catch (SocketException e)
            {
                throw new InvalidOperationException($"the proxy does not listen: {string.Join('\n', Said())}", e);
            }
        }
    }

    private string[] Said()
    {
        lock (_said)
        {
            return [.. _said];
        }
    }

    private void Collect(string? line)
    {
        if (line is { Length: > 0 })
        {
            lock (_said)
            {
                _said.Add(line);
            }
        }
    }
}
