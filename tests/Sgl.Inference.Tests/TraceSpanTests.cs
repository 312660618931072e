using System.Collections.Concurrent;
using System.Diagnostics;
using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Tracing;
using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests;

public sealed class TraceSpanTests
{
    [Fact]
    public async Task Generate_UnderARecordedSpan_PhasesFollowEachOtherBelowIt()
    {
        using var recorder = new Recorder();
        await using var engine = await TestEngine.LoadAsync(o => o.Importance = true);
        var options = TestEngine.Tokens(4) with { Importance = new ImportanceOptions(), ConsistencyRatio = 0.05 };
        var result = await recorder.RunAsync(() => TestEngine.RunAsync(engine, TestEngine.Prompt(1, 3, 6, 4), options));

        var spans = recorder.Spans;
        Assert.Equal(["queue", "prefill", "decode", "consistency"], spans.Select(s => s.OperationName));
        Assert.All(spans, s => Assert.Equal((recorder.Root.TraceId, recorder.Root.SpanId), (s.TraceId, s.ParentSpanId)));
        for (var i = 1; i < spans.Count; i++)
        {
            Assert.Equal(spans[i - 1].StartTimeUtc + spans[i - 1].Duration, spans[i].StartTimeUtc, TimeSpan.FromMicroseconds(2));
        }

        Assert.Equal((13, 6), (spans[1].GetTagItem("sgl.prompt_tokens"), spans[1].GetTagItem("sgl.visual_tokens")));
        Assert.Equal(result.Usage.GeneratedTokens, spans[2].GetTagItem("sgl.generated_tokens"));
        Assert.All(spans, s => Assert.Equal(ActivityStatusCode.Unset, s.Status));
    }

    [Fact]
    public async Task Generate_WithoutScores_NoConsistencySpan()
    {
        using var recorder = new Recorder();
        await using var engine = await TestEngine.LoadAsync();
        await recorder.RunAsync(() => TestEngine.RunAsync(engine, TestEngine.Prompt(1, 3, 6, 4), TestEngine.Tokens(2)));

        Assert.Equal(["queue", "prefill", "decode"], recorder.Spans.Select(s => s.OperationName));
    }

    [Fact]
    public async Task Generate_Cancelled_ThePhaseItWasInSaysSo()
    {
        using var recorder = new Recorder();
        await using var engine = await TestEngine.LoadAsync();
        await recorder.RunAsync(async () =>
        {
            using var cancel = new CancellationTokenSource();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (var generated in engine.GenerateAsync(TestEngine.Prompt(1, 3, 6, 4), TestEngine.Tokens(3000), cancel.Token))
                {
                    await cancel.CancelAsync();
                }
            });
            return 0;
        });

        // The engine's thread learns of it at its next turn.
        await recorder.UntilAsync(3);
        Assert.Equal(("decode", ActivityStatusCode.Error, "cancelled"), (recorder.Spans[2].OperationName, recorder.Spans[2].Status, recorder.Spans[2].StatusDescription));
        Assert.Equal(ActivityStatusCode.Unset, recorder.Spans[1].Status);
    }

    [Fact]
    public void Tell_NobodyRecords_AllocatesNothing()
    {
        var prompt = TestEngine.Prompt(1, 3, 6, 4);
        var sequence = new Sequence(prompt, [], new PromptPositions([[0]], 0), TestEngine.Tokens(1), 4, CancellationToken.None) { Parent = EngineActivity.Parent };
        Tell(sequence);
        var before = GC.GetAllocatedBytesForCurrentThread();

        for (var i = 0; i < 1000; i++)
        {
            Tell(sequence);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        static void Tell(Sequence sequence)
        {
            if (EngineActivity.Parent == default)
            {
                EngineActivity.Tell(sequence, null, null, TimeProvider.System);
            }
        }
    }

    /// <summary>Records what belongs to one span of its own, whatever other tests do meanwhile.</summary>
    private sealed class Recorder : IDisposable
    {
        private readonly ConcurrentQueue<Activity> _spans = [];
        private readonly ActivityListener _listener;

        public Recorder()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == "Sgl.Inference",
                Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                    options.Parent.TraceId == Root.TraceId ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
                ActivityStopped = span =>
                {
                    if (span.TraceId == Root.TraceId)
                    {
                        _spans.Enqueue(span);
                    }
                },
            };
            ActivitySource.AddActivityListener(_listener);
        }

        public Activity Root { get; } = new Activity("root").SetIdFormat(ActivityIdFormat.W3C);

        public IReadOnlyList<Activity> Spans => [.. _spans];

        public async Task<T> RunAsync<T>(Func<Task<T>> run)
        {
            Root.ActivityTraceFlags = ActivityTraceFlags.Recorded;
            Root.IsAllDataRequested = true;
            Root.Start();
            try
            {
                return await run();
            }
            finally
            {
                Root.Stop();
            }
        }

        public async Task UntilAsync(int count)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            while (_spans.Count < count)
            {
                await Task.Delay(5, patience.Token);
            }
        }

        public void Dispose() => _listener.Dispose();
    }
}
