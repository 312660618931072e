using Grpc.Core;

namespace Sgl.Router;

/// <summary>One try of a call at one replica. It is cut, to be tried elsewhere, where the replica falls silent before the caller has seen anything of it.</summary>
internal sealed class Attempt : IDisposable
{
    private const int Open = 0;
    private const int Seen = 1;
    private const int Cut = 2;

    private readonly ReplicaSet _replicas;
    private readonly IReadOnlySet<Replica> _tried;
    private readonly TimeSpan _patience;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _cut;
    private readonly CancellationTokenRegistration _silent;
    private int _state;

    /// <summary>Begins a try.</summary>
    /// <param name="number">0-based.</param>
    /// <param name="replica">Where.</param>
    /// <param name="replicas">Whether there is another one to go to.</param>
    /// <param name="tried">Those that the question was sent to, this one included.</param>
    /// <param name="patience">Longest wait for the first response.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public Attempt(
        int number, Replica replica, ReplicaSet replicas, IReadOnlySet<Replica> tried, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        (Number, Replica, _replicas, _tried, _patience, _time) = (number, replica, replicas, tried, patience, time);
        _cut = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _silent = replica.Silent.Register(() => TryCut());
    }

    /// <summary>0-based.</summary>
    public int Number { get; }

    public Replica Replica { get; }

    /// <summary>Cancelled with the call, and when this try is cut.</summary>
    public CancellationToken Token => _cut.Token;

    /// <summary>Whether the caller has seen something that a second try would repeat.</summary>
    public bool IsCommitted => Volatile.Read(ref _state) == Seen;

    public bool WasCut => Volatile.Read(ref _state) == Cut;

    /// <summary>From here on the caller sees what comes.</summary>
    /// <exception cref="OperationCanceledException">It was cut a moment before.</exception>
    public void Commit()
    {
        if (Interlocked.CompareExchange(ref _state, Seen, Open) == Cut)
        {
            throw new OperationCanceledException(Token);
        }
    }

    /// <summary>Waits for the first response: for a bounded time where another replica serves, else until the call ends.</summary>
    /// <param name="headers">The response headers of the call; the services send them before anything that takes time.</param>
    public async Task RespondedAsync(Task headers)
    {
        _ = headers.ContinueWith(t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        while (true)
        {
            try
            {
                await headers.WaitAsync(_patience, _time, Token);
                return;
            }
            catch (TimeoutException) when (!headers.IsCompleted)
            {
                Replica.Wake();
                if (TryCut())
                {
                    throw new RpcException(new Status(StatusCode.Unavailable, FormattableString.Invariant($"no response within {_patience.TotalSeconds:0.###} s")));
                }
            }
        }
    }

    public void Dispose()
    {
        _silent.Dispose();
        _cut.Dispose();
    }

    private bool TryCut()
    {
        if (!_replicas.HasOther(_tried, ReplicaRank.Full) || Interlocked.CompareExchange(ref _state, Cut, Open) != Open)
        {
            return false;
        }

        _cut.Cancel();
        return true;
    }
}
