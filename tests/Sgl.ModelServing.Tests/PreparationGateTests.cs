namespace Sgl.ModelServing;

public sealed class PreparationGateTests
{
    [Fact]
    public async Task EnterAsync_MoreThanWorkers_WaitsForAPlace()
    {
        var gate = new PreparationGate(2, 100);
        using var first = await gate.EnterAsync(1, default);
        using var second = await gate.EnterAsync(1, default);
        var third = gate.EnterAsync(1, default);
        Assert.False(third.IsCompleted);
        first.Dispose();
        (await third).Dispose();
    }

    [Fact]
    public async Task EnterAsync_MoreThanBytes_WaitsInOrder()
    {
        var gate = new PreparationGate(9, 100);
        var large = await gate.EnterAsync(60, default);
        var larger = gate.EnterAsync(70, default);
        var small = gate.EnterAsync(10, default);
        Assert.Equal(60, gate.Taken);

        // The small one would fit, but must not overtake for ever.
        Assert.False(larger.IsCompleted);
        Assert.False(small.IsCompleted);
        large.Dispose();
        using var a = await larger;
        using var b = await small;
        Assert.Equal(80, gate.Taken);
    }

    [Fact]
    public async Task Keep_WorkHasEnded_FreesTheWorkerAndAllMemoryButTheResult()
    {
        var gate = new PreparationGate(1, 100);
        var place = await gate.EnterAsync(80, default);
        var next = gate.EnterAsync(50, default);
        var after = gate.EnterAsync(60, default);

        place.Keep(30);
        using var second = await next;
        Assert.Equal(80, gate.Taken);
        second.Keep(50);
        Assert.False(after.IsCompleted); // a worker is free, memory is not

        place.Dispose();
        place.Dispose();
        Assert.False(after.IsCompleted);
        second.Dispose();
        using var third = await after;
        place.Keep(0);
        Assert.Equal(60, gate.Taken);
    }

    [Fact]
    public async Task Keep_MoreThanAskedFor_Throws()
    {
        using var place = await new PreparationGate(1, 100).EnterAsync(10, default);
        Assert.Throws<ArgumentOutOfRangeException>(() => place.Keep(11));
    }

    [Fact]
    public async Task EnterAsync_Cancelled_LetsThoseBehindIn()
    {
        var gate = new PreparationGate(9, 100);
        using var taken = await gate.EnterAsync(60, default);
        using var gone = new CancellationTokenSource();
        var blocked = gate.EnterAsync(70, gone.Token);
        var behind = gate.EnterAsync(10, default);
        Assert.False(behind.IsCompleted);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => blocked);
        using var place = await behind;
        Assert.Equal(70, gate.Taken);
    }

    [Fact]
    public async Task EnterAsync_CancelledBefore_TakesNothing()
    {
        var gate = new PreparationGate(1, 100);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gate.EnterAsync(1, new CancellationToken(true)));
        Assert.Equal(0, gate.Taken);
        (await gate.EnterAsync(100, default)).Dispose();
    }

    [Fact]
    public async Task EnterAsync_MoreThanAll_IsTheCallersMistake() =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => new PreparationGate(1, 100).EnterAsync(101, default));

    [Fact]
    public async Task Dispose_Twice_GivesBackOnce()
    {
        var gate = new PreparationGate(1, 100);
        var place = await gate.EnterAsync(100, default);
        place.Dispose();
        place.Dispose();
        using var next = await gate.EnterAsync(100, default);
        Assert.False(gate.EnterAsync(1, default).IsCompleted);
        Assert.Equal(100, gate.Taken);
    }

    [Fact]
    public async Task EnterAsync_ManyAtOnce_NeverExceedsEither()
    {
        var gate = new PreparationGate(3, 50);
        int inside = 0, most = 0;
        long bytes = 0, mostBytes = 0;
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(async () =>
        {
            using var stop = new CancellationTokenSource();
            var needed = 1 + (i * 7 % 50);
            if (i % 5 == 0)
            {
                stop.CancelAfter(1);
            }

            try
            {
                using var place = await gate.EnterAsync(needed, stop.Token);
                Raise(ref most, Interlocked.Increment(ref inside));
                Raise(ref mostBytes, Interlocked.Add(ref bytes, needed));
                await Task.Yield();
                Interlocked.Add(ref bytes, -needed);
                Interlocked.Decrement(ref inside);
            }
            catch (OperationCanceledException)
            {
                Assert.Equal(0, i % 5);
            }
        })));
        Assert.InRange(most, 1, 3);
        Assert.InRange(mostBytes, 1, 50);
        Assert.Equal(0, gate.Taken);
    }

    private static void Raise(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); value > seen && Interlocked.CompareExchange(ref most, value, seen) != seen; seen = Volatile.Read(ref most))
        {
        }
    }

    private static void Raise(ref long most, long value)
    {
        for (var seen = Volatile.Read(ref most); value > seen && Interlocked.CompareExchange(ref most, value, seen) != seen; seen = Volatile.Read(ref most))
        {
        }
    }
}
