using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Sgl.Access.Internal;

namespace Sgl.Access.Tests;

public sealed class AccountTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Enter_RequestsOfTheMinuteMade_RefusedUntilTheNextOneHasComeIn()
    {
        var account = new Account(new CallerOptions { RequestsPerMinute = 3 }, _time);
        Assert.All(Enumerable.Range(0, 3), _ => Assert.Equal(Shortage.None, account.Enter().Shortage));

        Assert.Equal((Shortage.Requests, TimeSpan.FromSeconds(20)), account.Enter());
        _time.Advance(TimeSpan.FromSeconds(19));
        Assert.Equal(Shortage.Requests, account.Enter().Shortage);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Shortage.None, account.Enter().Shortage);
        Assert.Equal(Shortage.Requests, account.Enter().Shortage);
        _time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(3, account.Look().RequestsLeft);
    }

    [Fact]
    public void Enter_TokensOverdrawn_WaitedForBeforeAnythingElseIsAccepted()
    {
        var account = new Account(new CallerOptions { TokensPerMinute = 60 }, _time);
        Assert.Equal(Shortage.None, account.Enter().Shortage);
        account.Spend(180);

        Assert.Equal((Shortage.Tokens, TimeSpan.FromSeconds(121)), account.Enter());
        Assert.Equal(0, account.Look().TokensLeft);
        _time.Advance(TimeSpan.FromSeconds(121));
        Assert.Equal(Shortage.None, account.Enter().Shortage);
    }

    [Fact]
    public void Enter_PlacesTaken_FreeAgainWhenOneLeaves()
    {
        var account = new Account(new CallerOptions { MaxConcurrent = 2, RequestsPerMinute = 100 }, _time);
        account.Enter();
        account.Enter();
        Assert.Equal(Shortage.Concurrent, account.Enter().Shortage);
        account.Leave();
        Assert.Equal(Shortage.None, account.Enter().Shortage);

        // What was refused for its place has not cost a request.
        Assert.Equal(97, account.Look().RequestsLeft);
    }

    [Fact]
    public void Enter_WithoutLimits_Always()
    {
        var account = new Account(new CallerOptions(), _time);
        Assert.All(Enumerable.Range(0, 1000), _ => Assert.Equal(Shortage.None, account.Enter().Shortage));
        account.Spend(1L << 40);
        Assert.Equal(Shortage.None, account.Enter().Shortage);
    }

    [Fact]
    public void Enter_WhateverComesWhen_NeverMoreThanAMinutesAllowanceAndWhatCameIn() => Gen.Select(
        Gen.Int[1, 200], Gen.Int[1, 5], Gen.Select(Gen.Int[0, 30_000], Gen.Bool).Array[1, 200]).Sample((perMinute, places, steps) =>
        {
            var time = new FakeTimeProvider();
            var account = new Account(new CallerOptions { RequestsPerMinute = perMinute, MaxConcurrent = places }, time);
            var (accepted, running, passed) = (0, 0, TimeSpan.Zero);
            foreach (var (milliseconds, leaves) in steps)
            {
                passed += TimeSpan.FromMilliseconds(milliseconds);
                time.Advance(TimeSpan.FromMilliseconds(milliseconds));
                if (leaves && running > 0)
                {
                    account.Leave();
                    running--;
                }

                var (shortage, retryAfter) = account.Enter();
                if (shortage == Shortage.None)
                {
                    accepted++;
                    running++;
                }
                else
                {
                    Assert.True(retryAfter > TimeSpan.Zero);
                }

                Assert.True(running <= places);
                Assert.True(accepted <= perMinute + (passed.TotalMinutes * perMinute) + 1e-6, $"{accepted} in {passed} at {perMinute} a minute");
            }
        });

    [Fact]
    public void IsUnused_UntilEverythingIsBack_False()
    {
        var account = new Account(new CallerOptions { TokensPerMinute = 60, MaxConcurrent = 1 }, _time);
        Assert.True(account.IsUnused);
        account.Enter();
        Assert.False(account.IsUnused);
        account.Spend(1);
        account.Leave();
        Assert.False(account.IsUnused);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(account.IsUnused);
    }

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(0.25, "0.25s")]
    [InlineData(59.9, "59.9s")]
    [InlineData(60, "1m0s")]
    [InlineData(3661.5, "1h1m1.5s")]
    [InlineData(90000, "25h0m0s")]
    public void Duration_AsClientsReadIt(double seconds, string expected) => Assert.Equal(expected, RateHeaders.Duration(TimeSpan.FromSeconds(seconds)));
}
