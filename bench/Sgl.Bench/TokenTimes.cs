using System.Diagnostics;
using Sgl.Inference;

namespace Sgl.Bench;

/// <summary>An answer under way, and when its tokens came.</summary>
internal sealed class TokenTimes
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<long> _times = [];
    private readonly List<double> _processor = [];

    /// <summary>Completes with the third token.</summary>
    public Task Begun => _begun.Task;

    /// <summary>Answers until it is stopped.</summary>
    public async Task RunAsync(VlmEngine engine, PreparedPrompt prompt, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var _ in engine.GenerateAsync(prompt, Measuring.Tokens(1000), cancellationToken))
            {
                lock (_times)
                {
                    _times.Add(Stopwatch.GetTimestamp());
                    _processor.Add(Environment.CpuUsage.TotalTime.TotalSeconds);
                    if (_times.Count == 3)
                    {
                        _begun.SetResult();
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It was to run as long as it was measured.
        }
    }

    /// <summary>Until a token has come after a moment.</summary>
    public async Task NextAsync(long moment)
    {
        while (true)
        {
            lock (_times)
            {
                if (_times[^1] > moment)
                {
                    return;
                }
            }

            await Task.Delay(1);
        }
    }

    /// <summary>Longest time between two tokens, seconds, of those gaps that end within a stretch.</summary>
    public double LongestGap(long begin, long end) => Gaps(begin, end).Max();

    /// <summary>The time between two tokens that half of the gaps exceed, seconds.</summary>
    public double MedianGap(long begin, long end) => Measuring.Median(Gaps(begin, end));

    /// <summary>Processor time of the whole process between two tokens, seconds, of those gaps that end within a stretch.</summary>
    public double[] ProcessorGaps(long begin, long end)
    {
        lock (_times)
        {
            return [.. Enumerable.Range(1, Math.Max(0, _times.Count - 1)).Where(i => _times[i] > begin && _times[i] <= end).Select(i => _processor[i] - _processor[i - 1])];
        }
    }

    /// <summary>Tokens a second in a stretch.</summary>
    public double Rate(long begin, long end)
    {
        lock (_times)
        {
            return _times.Count(t => t > begin && t <= end) / Stopwatch.GetElapsedTime(begin, end).TotalSeconds;
        }
    }

    private double[] Gaps(long begin, long end)
    {
        lock (_times)
        {
            return [.. _times.Zip(_times.Skip(1)).Where(p => p.Second > begin && p.Second <= end).Select(p => Stopwatch.GetElapsedTime(p.First, p.Second).TotalSeconds).DefaultIfEmpty()];
        }
    }
}
