using System.Net;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Sgl.Router.Internal;

namespace Sgl.Router;

/// <summary>Looks up a host's addresses; replaced in tests.</summary>
internal delegate Task<IPAddress[]> HostLookup(string host, CancellationToken cancellationToken);

/// <summary>What a set of replicas is made of.</summary>
/// <param name="Name"><c>small</c> or <c>large</c>.</param>
/// <param name="ServiceName">Full name of the gRPC service.</param>
/// <param name="Options">Its settings.</param>
/// <param name="ModelInfo">Asks a replica for its model.</param>
internal sealed record ReplicaSetSetup(string Name, string ServiceName, BackendOptions Options, Func<CallInvoker, CallOptions, Task<Wire.ModelInfo>> ModelInfo);

/// <summary>The replicas of one model service: which there are, and which one a call goes to.</summary>
internal sealed class ReplicaSet : IDisposable
{
    private static readonly TimeSpan SoonestLookup = TimeSpan.FromSeconds(1);

    private readonly ReplicaSetSetup _setup;
    private readonly EjectionOptions _ejection;
    private readonly BackendAddress _address;
    private readonly HostLookup _lookup;
    private readonly RouterMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _logging;
    private readonly ILogger _logger;
    private readonly Action<Replica> _count;
    private readonly Lock _gate = new();
    private volatile Replica[] _replicas;
    private volatile string _lookupProblem = "";
    private TaskCompletionSource _lookAgain = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private uint _next = uint.MaxValue;
    private bool _disposed;

    public ReplicaSet(ReplicaSetSetup setup, EjectionOptions ejection, HostLookup lookup, RouterMetrics metrics, TimeProvider time, ILoggerFactory logging)
    {
        (_setup, _ejection, _lookup, _metrics, _time, _logging) = (setup, ejection, lookup, metrics, time, logging);
        _logger = logging.CreateLogger<ReplicaSet>();
        _count = replica => metrics.Replicas.CountPick(Name, replica.Label);
        if (BackendAddress.TryParse(setup.Options.Address, setup.Options.Tls.Enabled, out var address) is { } problem)
        {
            throw new ArgumentException(problem, nameof(setup));
        }

        _address = address!;
        _replicas = [.. _address.Replicas.Select(r => Open(new ReplicaAddress(r, null)))];
    }

    public string Name => _setup.Name;

    public BackendOptions Options => _setup.Options;

    /// <summary>All of them, in the order of the setting.</summary>
    public IReadOnlyList<Replica> Replicas => _replicas;

    /// <summary>Why there are none; empty where there are.</summary>
    public string LookupProblem => _lookupProblem;

    /// <summary>Whether each was asked at least once, so that what serves can be compared.</summary>
    public bool Settled => _replicas is { Length: > 0 } all && all.All(r => r.View.Probed);

    /// <summary>Probes every replica, and follows the name's addresses, until told to stop.</summary>
    /// <param name="healthInterval">How often a replica is probed.</param>
    /// <param name="probeTimeout">Most time for a probe.</param>
    /// <param name="changed">Called whenever anything may have changed.</param>
    /// <param name="stopping">Ends it.</param>
    public async Task RunAsync(TimeSpan healthInterval, TimeSpan probeTimeout, Action changed, CancellationToken stopping)
    {
        var probes = new Dictionary<Replica, (Task Task, CancellationTokenSource Stop)>();
        try
        {
            do
            {
                await ResolveAsync(stopping);
                foreach (var replica in _replicas.Where(r => !probes.ContainsKey(r)))
                {
                    var stop = CancellationTokenSource.CreateLinkedTokenSource(stopping);
                    var probe = new ReplicaProbe(this, _setup, replica, healthInterval, probeTimeout, changed, _metrics, _time, _logger);
                    probes.Add(replica, (probe.RunAsync(stop.Token), stop));
                }

                foreach (var (replica, (task, stop)) in probes.Where(p => !_replicas.Contains(p.Key)).ToList())
                {
                    await stop.CancelAsync();
                    await task;
                    stop.Dispose();
                    probes.Remove(replica);
                    replica.Retire();
                    _metrics.Replicas.Forget(Name, replica.Label);
                }

                changed();
            }
            while (await NextLookupAsync(stopping));
        }
        finally
        {
            await Task.WhenAll(probes.Values.Select(p => p.Task));
            foreach (var (_, stop) in probes.Values)
            {
                stop.Dispose();
            }
        }
    }

    /// <summary>The replica for the next call: the best there is, preferably none that was tried, the least busy among equals, else in turn.</summary>
    /// <param name="tried">Replicas that the question was sent to already.</param>
    /// <returns>Null where none can be taken.</returns>
    public ReplicaLease? Pick(IReadOnlySet<Replica> tried)
    {
        // Under a lock, or calls that come at once would all see the same one as least busy.
        lock (_gate)
        {
            var all = _replicas;
            var first = ++_next;
            Replica? best = null;
            var bestKey = (Rank: ReplicaRank.Out, Tried: true, Busy: int.MaxValue);
            for (var i = 0u; i < all.Length; i++)
            {
                var replica = all[(first + i) % (uint)all.Length];
                var key = (replica.Rank, tried.Contains(replica), replica.InFlight);
                if (key.Rank != ReplicaRank.Out && (best is null || Before(key, bestKey)))
                {
                    (best, bestKey) = (replica, key);
                }
            }

            if (best is null)
            {
                return null;
            }

            return new ReplicaLease(best, _count);
        }

        // A second try at the same replica is worth less than one at a doubtful other.
        static bool Before((ReplicaRank Rank, bool Tried, int Busy) a, (ReplicaRank Rank, bool Tried, int Busy) b) =>
            a.Tried != b.Tried ? b.Tried : a.Rank != b.Rank ? a.Rank < b.Rank : a.Busy < b.Busy;
    }

    /// <summary>Whether there is a replica that was not tried and is no worse a choice than <paramref name="worst"/>.</summary>
    public bool HasOther(IReadOnlySet<Replica> tried, ReplicaRank worst) => _replicas.Any(r => r.Rank <= worst && !tried.Contains(r));

    /// <summary>Something is wrong with a replica; its name may have other addresses by now.</summary>
    public void LookAgain()
    {
        lock (_gate)
        {
            _lookAgain.TrySetResult();
        }
    }

    public void Dispose()
    {
        _disposed = true;
        foreach (var replica in _replicas)
        {
            replica.Dispose();
        }
    }

    private Replica Open(ReplicaAddress address) => new(address, _setup.Options, new ReplicaStanding(_ejection, _time), _logging);

    private async Task ResolveAsync(CancellationToken stopping)
    {
        if (_address.Name is not { } name)
        {
            return;
        }

        IPAddress[] found = [];
        try
        {
            found = await _lookup(name.Host, stopping);
            _lookupProblem = found.Length > 0 ? "" : $"{name.Host} has no address";
        }
        catch (Exception e) when (!stopping.IsCancellationRequested)
        {
            _lookupProblem = $"{name.Host} cannot be looked up: {e.Message}";
        }

        // A name server that fails says nothing about the replicas; they are probed anyway.
        if (found.Length == 0 || _disposed)
        {
            return;
        }

        var wanted = found.Distinct().Select(a => new ReplicaAddress(name, new IPEndPoint(a, name.Port))).ToList();
        var kept = _replicas.Where(r => wanted.Contains(r.Address)).ToList();
        var added = wanted.Where(a => kept.All(r => r.Address != a)).ToList();
        var gone = _replicas.Except(kept).ToList();
        if (added.Count + gone.Count > 0)
        {
            RouterLog.AddressesChanged(
                _logger, Name, name.Host, string.Join(", ", wanted.Select(a => a.Label)), string.Join(", ", gone.Select(r => r.Label)));
            _replicas = [.. kept, .. added.Select(Open)];
        }
    }

    private async Task<bool> NextLookupAsync(CancellationToken stopping)
    {
        if (_address.Name is null)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return false;
        }

        Task again;
        lock (_gate)
        {
            _lookAgain = _lookAgain.Task.IsCompleted ? new(TaskCreationOptions.RunContinuationsAsynchronously) : _lookAgain;
            again = _lookAgain.Task;
        }

        await Task.Delay(SoonestLookup, _time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_replicas.Length > 0 && _setup.Options.DnsRefresh > SoonestLookup)
        {
            await again.WaitAsync(_setup.Options.DnsRefresh - SoonestLookup, _time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return !stopping.IsCancellationRequested;
    }
}
