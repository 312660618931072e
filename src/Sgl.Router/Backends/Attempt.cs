using Grpc.Core;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>One try of a call at one replica. It is cut, to be tried elsewhere, where the replica falls silent before the caller has seen what no other replica can go on with.</summary>
internal sealed class Attempt : IDisposable
{
    private const int Open = 0;
    private const int Seen = 1;
    private const int Cut = 2;

    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(250);

    private readonly ReplicaSet _replicas;
    private readonly IReadOnlySet<Replica> _tried;
    private readonly TimeSpan _patience;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _cut;
    private readonly CancellationTokenRegistration _silent;
    private readonly bool _resumable;
    private int _state;
    private bool _shown;

    /// <summary>Begins a try.</summary>
    /// <param name="number">0-based.</param>
    /// <param name="replica">Where.</param>
    /// <param name="replicas">Whether there is another one to go to.</param>
    /// <param name="tried">Those that the question was sent to, this one included.</param>
    /// <param name="resumable">Whether another replica may go on where this one has shown something.</param>
    /// <param name="patience">Longest wait for the first response.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public Attempt(
        int number,
        Replica replica,
        ReplicaSet replicas,
        IReadOnlySet<Replica> tried,
        bool resumable,
        TimeSpan patience,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        (Number, Replica, _replicas, _tried, _resumable, _patience, _time) = (number, replica, replicas, tried, resumable, patience, time);
        _cut = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _silent = replica.Silent.Register(() => _ = CutWhenPossibleAsync());
    }

    /// <summary>0-based.</summary>
    public int Number { get; }

    public Replica Replica { get; }

    /// <summary>Cancelled with the call, and when this try is cut.</summary>
    public CancellationToken Token => _cut.Token;

    /// <summary>Whether the caller has seen something that a second try makes again.</summary>
    public bool IsCommitted => _shown;

    public bool WasCut => Volatile.Read(ref _state) == Cut;

    // Whether no other replica can go on with it.
    private bool IsBound => Volatile.Read(ref _state) == Seen;

    /// <summary>From here on the caller sees what comes.</summary>
    /// <exception cref="OperationCanceledException">It was cut a moment before.</exception>
    public void Commit()
    {
        if (_resumable ? WasCut : Interlocked.CompareExchange(ref _state, Seen, Open) == Cut)
        {
            throw new OperationCanceledException(Token);
        }

        _shown = true;
    }

    /// <summary>
    /// Waits for the first response: for a bounded time where another replica serves, else until the call ends. A replica whose other calls go on is busy
    /// and waited for.
    /// </summary>
    /// <param name="headers">The response headers of the call; the services send them before anything that takes time.</param>
    public async Task RespondedAsync(Task headers)
    {
        headers.ObserveFailure();
        while (true)
        {
            var began = _time.GetTimestamp();
            try
            {
                await headers.WaitAsync(_patience, _time, Token);
                Heard();
                return;
            }
            catch (TimeoutException) when (!headers.IsCompleted)
            {
                Replica.Wake();
                if (Replica.LastHeard < began && TryCut())
                {
                    throw new RpcException(new Status(StatusCode.Unavailable, FormattableString.Invariant($"no response within {_patience.TotalSeconds:0.###} s")));
                }
            }
        }
    }

    /// <summary>Takes note of a sign of life.</summary>
    public void Heard() => Replica.LastHeard = _time.GetTimestamp();

    public void Dispose()
    {
        _silent.Dispose();
        _cut.Dispose();
    }

    // The other replicas may be away too just now.
    private async Task CutWhenPossibleAsync()
    {
        try
        {
            while (Replica.Silent.IsCancellationRequested && !IsBound && !TryCut())
            {
                await Task.Delay(Again, _time, Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The call has ended.
        }
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
