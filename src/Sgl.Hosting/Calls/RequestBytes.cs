using Microsoft.AspNetCore.Http;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting;

/// <summary>What a request holds of <see cref="CallLimits.MaxBytesInFlight"/>; given back when its call ends.</summary>
public sealed class RequestBytes
{
    private readonly InFlightBytes _budget;
    private readonly object _gate = new();
    private long _held;
    private long _provisional;
    private bool _ended;

    internal RequestBytes(InFlightBytes budget) => _budget = budget;

    /// <summary>Those of a request; null where nobody counts, as in a handler under test.</summary>
    public static RequestBytes? Of(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Features.Get<RequestBytes>();
    }

    /// <summary>Takes more, e.g. for what a compressed body grew to.</summary>
    /// <exception cref="OverloadedException">All calls together hold too much already.</exception>
    public void Take(long bytes)
    {
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            if (!_budget.TryTake(bytes, _held))
            {
                throw new OverloadedException(
                    $"Requests in flight hold {_budget.Used >> 20} MiB already, of at most {_budget.Limit >> 20}.", InFlightBytes.RetryAfter);
            }

            _held += bytes;
        }
    }

    /// <summary>Takes what a JSON body holds that grew out of a compressed one; see <see cref="CallLimits.MaxBytesInFlight"/>.</summary>
    /// <exception cref="OverloadedException">All calls together hold too much already.</exception>
    public void TakeJson(long bytes) => Take(bytes * CallLimits.JsonWeight);

    /// <summary>Takes what a compressed message may grow to, until <see cref="Settle"/> knows better.</summary>
    internal void TakeProvisional(long bytes)
    {
        Take(bytes);
        lock (_gate)
        {
            _provisional += _ended ? 0 : bytes;
        }
    }

    /// <summary>Replaces what was taken provisionally by what the message has.</summary>
    internal void Settle(Func<long> actual)
    {
        lock (_gate)
        {
            if (_ended || _provisional == 0)
            {
                return;
            }

            var back = Math.Max(0, _provisional - actual());
            _provisional = 0;
            _held -= back;
            _budget.Give(back);
        }
    }

    internal void End()
    {
        lock (_gate)
        {
            _ended = true;
            _budget.Give(_held);
            _held = 0;
        }
    }
}
