using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Sgl.Hosting.Internal;

/// <summary>
/// Gives memory back after a burst of large requests. The runtime collects when something is allocated, so a service that falls idle after decoding
/// large images would hold all of their buffers until its next request.
/// </summary>
internal sealed class IdleMemoryTrim(CallTracker calls, ServerMemory server, TimeProvider time, ILogger<IdleMemoryTrim> logger) : BackgroundService
{
    private const long Worthwhile = 256 << 20;
    private const long Quiet = 16 << 20;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    // Of the process: services that share one must not collect one after the other.
    private static long _trimmedAt;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var seen = GC.GetTotalAllocatedBytes();
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                var allocated = GC.GetTotalAllocatedBytes();
                var trimmedAt = Interlocked.Read(ref _trimmedAt);
                if (calls.Count == 0
                    && allocated - seen < Quiet
                    && allocated - trimmedAt >= Worthwhile
                    && Interlocked.CompareExchange(ref _trimmedAt, allocated, trimmedAt) == trimmedAt)
                {
                    var before = Environment.WorkingSet;
                    server.Clear();
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                    HostingLog.MemoryTrimmed(logger, before >> 20, Environment.WorkingSet >> 20);
                }

                seen = allocated;
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }
}
