using CsCheck;

namespace Sgl.Router.Tests;

public sealed class AdaptiveLimitTests
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(2);

    private readonly ManualTime _time = new();

    [Fact]
    public void Admits_NeverRefused_Anything() => Assert.True(new AdaptiveLimit(_time).Admits(1_000_000));

    [Fact]
    public void Refused_WhileRefusedCallsComeBack_FindsWhatIsHeld()
    {
        var limit = new AdaptiveLimit(_time);

        // 200 were sent, 72 are held.
        for (var inFlight = 200; inFlight > 72; inFlight--)
        {
            limit.Refused(inFlight, Retry);
        }

        Assert.Equal(72, limit.Value);
        Assert.True(limit.Admits(71));
        Assert.False(limit.Admits(72));
    }

    [Fact]
    public void Refused_TheOnlyCall_IsLeftAloneAsLongAsAsked()
    {
        var limit = new AdaptiveLimit(_time);
        limit.Refused(1, Retry);
        Assert.False(limit.Admits(0));
        Assert.Equal(Retry, limit.RetryAfter);
        _time.Now += Retry;
        Assert.True(limit.Admits(0));
    }

    [Fact]
    public void Answered_AtTheBound_RaisesIt_BelowIt_DoesNot()
    {
        var limit = new AdaptiveLimit(_time);
        limit.Refused(11, Retry);
        var first = limit.Value;
        limit.Answered(1);
        Assert.Equal(first, limit.Value);
        limit.Answered(10);
        Assert.InRange(limit.Value, first + 0.0999, first + 0.1001);
        _time.Now += TimeSpan.FromSeconds(20);
        var before = limit.Value;
        limit.Answered(10);
        Assert.Equal(before + 1, limit.Value);
    }

    /// <summary>A replica that holds N: whatever comes, the bound neither starves it nor stays beyond it.</summary>
    [Fact]
    public void Limit_ReplicaThatHoldsN_ComesNearN() => Gen.Int[2, 100].Sample(
        capacity =>
        {
            var limit = new AdaptiveLimit(_time);
            var (held, sent, refused) = (0, 0, 0);
            for (var step = 0; step < 4000; step++)
            {
                _time.Now += TimeSpan.FromMilliseconds(10);
                for (var offered = 0; offered < 5; offered++)
                {
                    if (!limit.Admits(held))
                    {
                        continue;
                    }

                    sent++;
                    if (held < capacity)
                    {
                        held++;
                    }
                    else
                    {
                        refused++;
                        limit.Refused(held + 1, Retry);
                    }
                }

                if (held > 0)
                {
                    limit.Answered(held--);
                }
            }

            Assert.InRange(held, Math.Floor(capacity * 0.7) - 1, capacity);
            Assert.True(refused < sent / 8, $"{refused} of {sent} were sent for nothing");
        },
        iter: 50);

    private sealed class ManualTime : TimeProvider
    {
        public TimeSpan Now { get; set; } = TimeSpan.FromHours(1);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
