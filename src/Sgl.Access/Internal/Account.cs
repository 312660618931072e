using System.Threading.RateLimiting;

namespace Sgl.Access.Internal;

/// <summary>What a caller was refused for; the values are those of the label <c>reason</c>.</summary>
internal enum Shortage
{
    None,
    Requests,
    Tokens,
    Concurrent,
}

/// <summary>What an account allows at a moment; null: without limit.</summary>
internal readonly record struct Allowance(int? RequestLimit, int RequestsLeft, TimeSpan RequestsReset, int? TokenLimit, int TokensLeft, TimeSpan TokensReset);

/// <summary>Counts what one caller uses. The framework's middleware asks it through <see cref="CreateLimiter"/>.</summary>
internal sealed class Account
{
    // A place becomes free when some answer ends, which nobody knows beforehand.
    private static readonly TimeSpan RetryForPlace = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly int? _maxConcurrent;
    private Bucket? _requests;
    private Bucket? _tokens;
    private int _running;

    public Account(CallerOptions options, TimeProvider time)
    {
        var now = time.GetTimestamp();
        (_time, _maxConcurrent) = (time, options.MaxConcurrent);
        _requests = options.RequestsPerMinute is { } requests ? new Bucket(requests, now) : null;
        _tokens = options.TokensPerMinute is { } tokens ? new Bucket(tokens, now) : null;
    }

    public bool HasLimits => _requests is not null || _tokens is not null || _maxConcurrent is not null;

    /// <summary>Whether it could be made anew without anybody noticing.</summary>
    public bool IsUnused
    {
        get
        {
            lock (_gate)
            {
                Fill();
                return _running == 0 && _requests is not { IsFull: false } && _tokens is not { IsFull: false };
            }
        }
    }

    /// <summary>Whether it counts against the same limits.</summary>
    public bool Allows(CallerOptions options) =>
        (_requests?.PerMinute, _tokens?.PerMinute, _maxConcurrent) == (options.RequestsPerMinute, options.TokensPerMinute, options.MaxConcurrent);

    /// <summary>Takes a place and a request, or says what there is not enough of.</summary>
    public (Shortage Shortage, TimeSpan RetryAfter) Enter()
    {
        lock (_gate)
        {
            Fill();
            if (_requests is { Left: < 1 } requests)
            {
                return (Shortage.Requests, requests.Until(1));
            }

            if (_tokens is { Left: < 1 } tokens)
            {
                return (Shortage.Tokens, tokens.Until(1));
            }

            if (_running >= _maxConcurrent)
            {
                return (Shortage.Concurrent, RetryForPlace);
            }

            Take(ref _requests, 1);
            _running++;
            return (Shortage.None, TimeSpan.Zero);
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            _running--;
        }
    }

    public void Spend(long tokens)
    {
        lock (_gate)
        {
            Fill();
            Take(ref _tokens, tokens);
        }
    }

    public Allowance Look()
    {
        lock (_gate)
        {
            Fill();
            return new Allowance(
                _requests?.PerMinute, _requests?.Left ?? 0, _requests is { } r ? r.Until(r.PerMinute) : TimeSpan.Zero,
                _tokens?.PerMinute, _tokens?.Left ?? 0, _tokens is { } t ? t.Until(t.PerMinute) : TimeSpan.Zero);
        }
    }

    public RateLimiter CreateLimiter() => new Limiter(this);

    private static void Take(ref Bucket? bucket, long units)
    {
        if (bucket is { } b)
        {
            b.Take(units);
            bucket = b;
        }
    }

    private void Fill()
    {
        var now = _time.GetTimestamp();
        Fill(ref _requests, now);
        Fill(ref _tokens, now);
    }

    private void Fill(ref Bucket? bucket, long now)
    {
        if (bucket is { } b)
        {
            b.Fill(now, _time);
            bucket = b;
        }
    }

    // The partition forgets limiters that are idle; what counts is in the account, so another one goes on where it stopped.
    private sealed class Limiter(Account account) : RateLimiter
    {
        private long _used = TimeProvider.System.GetTimestamp();

        public override TimeSpan? IdleDuration => account._running == 0 ? TimeProvider.System.GetElapsedTime(Volatile.Read(ref _used)) : null;

        public override RateLimiterStatistics GetStatistics() => new() { CurrentAvailablePermits = account.Look().RequestsLeft };

        protected override RateLimitLease AttemptAcquireCore(int permitCount)
        {
            Volatile.Write(ref _used, TimeProvider.System.GetTimestamp());
            var (shortage, retryAfter) = account.Enter();
            return new Lease(shortage == Shortage.None ? account : null, shortage, retryAfter);
        }

        protected override ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken) => new(AttemptAcquireCore(permitCount));
    }

    private sealed class Lease(Account? held, Shortage shortage, TimeSpan retryAfter) : RateLimitLease
    {
        private Account? _held = held;

        public override bool IsAcquired { get; } = held is not null;

        public override IEnumerable<string> MetadataNames => IsAcquired ? [] : [MetadataName.RetryAfter.Name, MetadataName.ReasonPhrase.Name];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = IsAcquired ? null
                : metadataName == MetadataName.RetryAfter.Name ? retryAfter
                : metadataName == MetadataName.ReasonPhrase.Name ? shortage.ToString()
                : null;
            return metadata is not null;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                Interlocked.Exchange(ref _held, null)?.Leave();
            }

            base.Dispose(disposing);
        }
    }
}
