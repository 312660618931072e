using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using Grpc.Net.Client;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>
/// Two replicas of each model as processes, of which one goes bad: killed, NOT_SERVING, stopped, exchanged for one that is silent, resets, or serves
/// another model. While it happens, afterwards, and with a fresh router. Goals: of 60 questions each none degraded, none failed, none longer than 3 s.
/// </summary>
internal sealed class ReplicasScenario : IScenario
{
    private const int Questions = 60;
    private const int Users = 4;

    private static readonly string[] Faults = ["kill -9", "NOT_SERVING", "SIGSTOP", "silent listener", "resetting listener", "another model"];

    public string Name => "replicas";

    public string Summary => "two replicas of each model, one of which goes bad in turn; 60 escalated questions each";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        var pictures = Pictures.Distinct(64, options.Seed);
        await using var small = await ReplicaPair.StartAsync("small", options, cancellationToken);
        await using var large = await ReplicaPair.StartAsync("large", options, cancellationToken);
        await using var router = await StartRouterAsync(small, large, options, cancellationToken);
        section.Add("all well", await AskAsync(router.Channel, pictures, cancellationToken));
        foreach (var pair in new[] { small, large })
        {
            foreach (var fault in Faults)
            {
                for (var replica = 0; replica < 2; replica++)
                {
                    var asked = AskAsync(router.Channel, pictures, cancellationToken);
                    await Task.Delay(TimeSpan.FromMilliseconds(300), cancellationToken);
                    await pair.BreakAsync(replica, fault, cancellationToken);
                    var name = $"{pair.Model} {replica + 1}, {fault}";
                    Add(section, $"{name}: meanwhile", await asked);
                    Add(section, $"{name}: afterwards", await AskAsync(router.Channel, pictures, cancellationToken));
                    if (replica == 0)
                    {
                        var started = Stopwatch.GetTimestamp();
                        await using var fresh = await StartRouterAsync(small, large, options, cancellationToken);
                        Console.WriteLine(FormattableString.Invariant($"  {name}: a fresh router serves after {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s"));
                        Add(section, $"{name}: fresh router", await AskAsync(fresh.Channel, pictures, cancellationToken));
                    }

                    var mended = Stopwatch.GetTimestamp();
                    await pair.MendAsync(replica, cancellationToken);
                    while (await router.MetricAsync("sgl_router_replica_serving", cancellationToken) < 4)
                    {
                        await Task.Delay(50, cancellationToken);
                    }

                    Console.WriteLine(FormattableString.Invariant($"  {name}: in use again after {Stopwatch.GetElapsedTime(mended).TotalSeconds:0.0} s, its start included"));
                }
            }
        }

        section.Add("all well again", await AskAsync(router.Channel, pictures, cancellationToken));
    }

    private static Task<ServiceProcess> StartRouterAsync(ReplicaPair small, ReplicaPair large, LoadOptions options, CancellationToken cancellationToken) =>
        ServiceProcess.StartAsync(
            "router",
            [$"Router:Small:Address={small.Addresses}", $"Router:Large:Address={large.Addresses}", .. ServiceTrio.Settings("router", null, options)],
            wait: true, cancellationToken);

    private static void Add(Section section, string name, LoadSummary summary)
    {
        Console.WriteLine(summary.ToRow(name));
        section.Add(name, summary);
        section.Expect($"{name}: degraded, late, shed or failed", summary.Degraded + summary.Late + summary.Failed + summary.Shed.Count, most: 0);
        section.Expect($"{name}: longest, ms", summary.Answered.Max, most: 3000);
    }

    private static async Task<LoadSummary> AskAsync(GrpcChannel channel, IReadOnlyList<ByteString> pictures, CancellationToken cancellationToken)
    {
        var client = new RouterClient(channel, pictures) { Policy = new RoutingPolicy { Force = Route.Large }, Deadline = TimeSpan.FromSeconds(30) };
        var (next, started) = (-1, Stopwatch.GetTimestamp());
        var outcomes = await Task.WhenAll(Enumerable.Range(0, Users).Select(_ => Task.Run(
            async () =>
            {
                var own = new List<Outcome>();
                for (var i = Interlocked.Increment(ref next); i < Questions; i = Interlocked.Increment(ref next))
                {
                    own.Add(await client.AskAsync(i, cancellationToken));
                }

                return own;
            },
            cancellationToken)));
        return LoadSummary.Of([.. outcomes.SelectMany(o => o)], Stopwatch.GetElapsedTime(started));
    }

    /// <summary>Two replicas whose ports stay the same whatever happens to them.</summary>
    private sealed class ReplicaPair : IAsyncDisposable
    {
        private readonly ServiceProcess?[] _processes = new ServiceProcess?[2];
        private readonly Squatter?[] _squatters = new Squatter?[2];
        private readonly int[] _ports = [FreePort(), FreePort()];
        private readonly LoadOptions _options;

        private ReplicaPair(string model, LoadOptions options) => (Model, _options) = (model, options);

        public string Model { get; }

        public string Addresses => string.Join(',', _ports.Select(p => $"http://127.0.0.1:{p}"));

        public static async Task<ReplicaPair> StartAsync(string model, LoadOptions options, CancellationToken cancellationToken)
        {
            var pair = new ReplicaPair(model, options);
            try
            {
                await pair.StartAsync(0, pair.Checkpoint, cancellationToken);
                await pair.StartAsync(1, pair.Checkpoint, cancellationToken);
                return pair;
            }
            catch
            {
                await pair.DisposeAsync();
                throw;
            }
        }

        private string Checkpoint => Model == "small" ? _options.Small : _options.Large;

        private string OtherCheckpoint => Model == "small" ? _options.Large : _options.Small;

        public async Task BreakAsync(int replica, string fault, CancellationToken cancellationToken)
        {
            switch (fault)
            {
                case "NOT_SERVING":
                    // It was started with a long shutdown delay: it reports NOT_SERVING and goes on taking calls.
                    await _processes[replica]!.SignalAsync("TERM");
                    break;
                case "SIGSTOP":
                    await _processes[replica]!.SignalAsync("STOP");
                    break;
                default:
                    await KillAsync(replica);
                    break;
            }

            switch (fault)
            {
                case "silent listener":
                    _squatters[replica] = new Squatter(_ports[replica], reset: false);
                    break;
                case "resetting listener":
                    _squatters[replica] = new Squatter(_ports[replica], reset: true);
                    break;
                case "another model":
                    await StartAsync(replica, OtherCheckpoint, cancellationToken);
                    break;
            }
        }

        public async Task MendAsync(int replica, CancellationToken cancellationToken)
        {
            _squatters[replica]?.Dispose();
            _squatters[replica] = null;
            await KillAsync(replica);
            await StartAsync(replica, Checkpoint, cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            for (var i = 0; i < 2; i++)
            {
                _squatters[i]?.Dispose();
                await KillAsync(i);
            }
        }

        private async Task StartAsync(int replica, string checkpoint, CancellationToken cancellationToken) => _processes[replica] = await ServiceProcess.StartAsync(
            Model,
            [
                $"Engine:Checkpoint={checkpoint}", $"Listen:Port={_ports[replica].ToString(CultureInfo.InvariantCulture)}", "Listen:ShutdownDelay=01:00:00",
                .. ServiceTrio.Settings(Model, null, _options),
            ],
            wait: true, cancellationToken);

        private async Task KillAsync(int replica)
        {
            if (_processes[replica] is { } process)
            {
                _processes[replica] = null;
                await process.SignalAsync("KILL");
                await process.DisposeAsync();
            }
        }

        private static int FreePort()
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
    }

    /// <summary>Listens where a replica was, and says nothing or resets.</summary>
    private sealed class Squatter : IDisposable
    {
        private readonly TcpListener _listener;
        private readonly List<Socket> _sockets = [];

        public Squatter(int port, bool reset)
        {
            _listener = new TcpListener(IPAddress.Loopback, port);
            _listener.Start();
            _ = AcceptAsync(reset);
        }

        public void Dispose()
        {
            _listener.Dispose();
            lock (_sockets)
            {
                _sockets.ForEach(s => s.Dispose());
            }
        }

        private async Task AcceptAsync(bool reset)
        {
            try
            {
                while (true)
                {
                    var socket = await _listener.AcceptSocketAsync();
                    if (reset)
                    {
                        socket.LingerState = new LingerOption(true, 0);
                        socket.Dispose();
                        continue;
                    }

                    lock (_sockets)
                    {
                        _sockets.Add(socket);
                    }
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                // Nobody listens any more.
            }
        }
    }
}
