using System.Collections.Concurrent;
using System.Diagnostics;

namespace Sgl.LoadTest;

/// <summary>Sends requests, either as fast as a fixed number of users does or at a rate that does not care about answers.</summary>
internal static class LoadGenerator
{
    /// <summary>A fixed number in flight: each user asks again when it has its answer.</summary>
    /// <param name="concurrency">Users.</param>
    /// <param name="duration">No request starts after it; the last ones are waited for.</param>
    /// <param name="ask">One request; gets its number.</param>
    /// <param name="cancellationToken">Ends the run.</param>
    public static async Task<IReadOnlyList<Outcome>> FixedAsync(
        int concurrency, TimeSpan duration, Func<int, CancellationToken, Task<Outcome>> ask, CancellationToken cancellationToken)
    {
        var outcomes = new ConcurrentBag<Outcome>();
        var started = Stopwatch.GetTimestamp();
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, concurrency).Select(_ => Task.Run(UserAsync, cancellationToken)));
        return [.. outcomes];

        async Task UserAsync()
        {
            while (Stopwatch.GetElapsedTime(started) < duration)
            {
                outcomes.Add(await ask(Interlocked.Increment(ref next), cancellationToken));
            }
        }
    }

    /// <summary>An open loop: exponential gaps between arrivals, whatever the answers do, so that a slow service cannot slow its own load down.</summary>
    /// <param name="rate">Arrivals per second.</param>
    /// <param name="duration">Of the arrivals; the last requests are waited for.</param>
    /// <param name="seed">Of the gaps.</param>
    /// <param name="ask">One request; gets its number.</param>
    /// <param name="cancellationToken">Ends the run.</param>
    public static async Task<IReadOnlyList<Outcome>> OpenAsync(
        double rate, TimeSpan duration, int seed, Func<int, CancellationToken, Task<Outcome>> ask, CancellationToken cancellationToken)
    {
#pragma warning disable CA5394 // arrivals need no secrecy
        var random = new Random(seed);
        var requests = new List<Task<Outcome>>();
        var started = Stopwatch.GetTimestamp();
        var due = TimeSpan.Zero;
        while (true)
        {
            due += TimeSpan.FromSeconds(-Math.Log(1 - random.NextDouble()) / rate);
            if (due >= duration)
            {
                break;
            }

            // Timers are coarse: arrivals that are due already go out at once, so the rate holds.
            var wait = due - Stopwatch.GetElapsedTime(started);
            if (wait > TimeSpan.FromMilliseconds(1))
            {
                await Task.Delay(wait, cancellationToken);
            }

            var (number, late) = (requests.Count, Stopwatch.GetElapsedTime(started) - due);
            requests.Add(Task.Run(
                async () =>
                {
                    var outcome = await ask(number, cancellationToken);
                    return late > TimeSpan.Zero ? outcome with { Time = outcome.Time + late } : outcome;
                },
                cancellationToken));
        }
#pragma warning restore CA5394

        return await Task.WhenAll(requests);
    }
}
