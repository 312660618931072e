using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;

namespace Sgl.Router;

/// <summary>What the latest probe of a replica found.</summary>
/// <param name="Probed">Whether there was one.</param>
/// <param name="Info">The model it serves or served last; null until it was reached once.</param>
/// <param name="Problem">Why it does not serve; empty while it does.</param>
internal sealed record ReplicaView(bool Probed, Wire.ModelInfo? Info, string Problem)
{
    public static ReplicaView Unknown { get; } = new(false, null, "it was not reached yet");
}

/// <summary>One process of a model service: its connections, one for calls and one for probes alone, and how it stands.</summary>
internal sealed class Replica : IDisposable
{
    private readonly GrpcChannel _calls;
    private readonly GrpcChannel _probes;
    private readonly Lock _gate = new();
    private CancellationTokenSource _silent = new();
    private TaskCompletionSource _wake = NewSignal();
    private int _inFlight;
    private bool _retired;
    private bool _disposed;

    public Replica(ReplicaAddress address, BackendOptions options, ReplicaStanding standing, ILoggerFactory logging)
    {
        (Address, Standing) = (address, standing);
        _calls = BackendChannel.Open(address, options, logging);
        _probes = BackendChannel.Open(address, options, logging);
        (Calls, Probes) = (_calls.CreateCallInvoker(), _probes.CreateCallInvoker());
    }

    public ReplicaAddress Address { get; }

    public string Label => Address.Label;

    public CallInvoker Calls { get; }

    public CallInvoker Probes { get; }

    public ReplicaStanding Standing { get; }

    /// <summary>What the latest probe found.</summary>
    public ReplicaView View
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    } = ReplicaView.Unknown;

    /// <summary>Why it must not be taken although it serves, e.g. that its model is another one; empty where nothing speaks against it.</summary>
    public string Refusal
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    } = "";

    /// <summary>Timestamp of the last sign of life in a call; 0: none yet.</summary>
    public long LastHeard
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    }

    public int InFlight => Volatile.Read(ref _inFlight);

    public ReplicaRank Rank => Refusal.Length > 0 ? ReplicaRank.Out : Standing.Rank(InFlight);

    /// <summary>Cancelled when it stopped answering probes; another token once it answers again.</summary>
    public CancellationToken Silent
    {
        get
        {
            lock (_gate)
            {
                return _silent.Token;
            }
        }
    }

    /// <summary>Completes when the next probe should not wait any longer.</summary>
    public Task Woken
    {
        get
        {
            lock (_gate)
            {
                return _wake.Task;
            }
        }
    }

    /// <summary>Asks for a probe now.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            _wake.TrySetResult();
        }
    }

    /// <summary>Takes note that a probe begins.</summary>
    public void Awake()
    {
        lock (_gate)
        {
            _wake = _wake.Task.IsCompleted ? NewSignal() : _wake;
        }
    }

    public void SetSilent(bool silent)
    {
        CancellationTokenSource source;
        lock (_gate)
        {
            if (silent == _silent.IsCancellationRequested)
            {
                return;
            }

            source = _silent;
            _silent = silent ? _silent : new CancellationTokenSource();
        }

        if (silent)
        {
            _ = source.CancelAsync(); // not here: what it ends goes on where it was cancelled
        }
    }

    public void Enter() => Interlocked.Increment(ref _inFlight);

    public void Leave()
    {
        if (Interlocked.Decrement(ref _inFlight) == 0 && Volatile.Read(ref _retired))
        {
            Dispose();
        }
    }

    /// <summary>It is not among the addresses any more: calls under way may end, then its connections close.</summary>
    public void Retire()
    {
        Volatile.Write(ref _retired, true);
        if (InFlight == 0)
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        _calls.Dispose();
        _probes.Dispose();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
