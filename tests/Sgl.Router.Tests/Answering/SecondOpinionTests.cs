using Grpc.Core;
using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class SecondOpinionTests
{
    private static readonly (string, string) All = ("Router:SecondOpinion:Share", "1");
    private static readonly (string, string) AtOnce = ("Router:SecondOpinion:MinimumSamples", "1");

    [Theory]
    [InlineData("Forty-Two.", "forty-two", true)]
    [InlineData(" a  b\n", "A B", true)]
    [InlineData("42", "43", false)]
    [InlineData("", ".", true)]
    public void IsSame_TwoAnswers_CaseSpacesAndFullStopDoNotCount(string one, string other, bool same) => Assert.Equal(same, SecondOpinions.IsSame(one, other));

    [Fact]
    public async Task Answer_ExitsThatTheLargeModelSharesAndNot_GaugeShowsTheShare()
    {
        await using var trio = await StartAsync(All, AtOnce);
        trio.Large.Tokens = ["forty", " TWO."];
        await AskAsync(trio, "same", 1);
        trio.Large.Tokens = ["forty", "-three"];
        await AskAsync(trio, "different", 1);

        Assert.Equal(0.5, await trio.MetricAsync("sgl_router_agreement", "policy=\"default\""));
        // As it would have been asked on escalation.
        Assert.Equal(2, trio.Large.Guidances.First().Masks.Steps.Single().Layer);
    }

    [Fact]
    public async Task Answer_NoShare_LargeModelIsNotAsked()
    {
        await using var trio = await StartAsync();
        Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
        await Task.Delay(200);
        Assert.Equal(0, trio.Large.Calls);
    }

    [Fact]
    public async Task Answer_QuarterAsShare_EveryFourthExit()
    {
        await using var trio = await StartAsync(("Router:SecondOpinion:Share", "0.25"));
        for (var i = 0; i < 8; i++)
        {
            await trio.AnswerAsync();
            await trio.UntilAsync(() => Task.FromResult(trio.Large.Calls == (i + 1) / 4));
        }
    }

    [Fact]
    public async Task Answer_OpinionIsBeingMade_ClientDoesNotWaitAndNoSecondOneIsAsked()
    {
        await using var trio = await StartAsync(All);
        var answer = new TaskCompletionSource();
        trio.Large.BeforeToken = (_, _) => answer.Task;

        var first = await trio.AnswerAsync();
        Assert.True(await trio.Large.Started.WaitAsync(TimeSpan.FromSeconds(15)));
        var second = await trio.AnswerAsync();

        Assert.Equal((Wire.AnswerPath.Exit, Wire.AnswerPath.Exit), (first.Path, second.Path));
        Assert.Equal(1, trio.Large.Calls);
        Assert.Equal(1, await OpinionsAsync(trio, "busy"));
        answer.SetResult();
        await trio.UntilAsync(async () => await OpinionsAsync(trio, "different") == 1);
    }

    [Fact]
    public async Task Answer_LargeModelFails_ExitStandsAndIsCounted()
    {
        await using var trio = await StartAsync(All);
        trio.Large.Failures.Enqueue(new RpcException(new(StatusCode.Internal, "broken")));

        await AskAsync(trio, "failed", 1);

        Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
    }

    [Fact]
    public async Task Answer_SmallModelForcedOrSampled_NoOpinion()
    {
        await using var trio = await StartAsync(All);
        await trio.AnswerAsync(new Wire.RoutingPolicy { Force = Wire.Route.Small });
        var sampled = Trio.Request();
        sampled.Sampling = new Wire.Sampling { Temperature = 0.7f };
        await trio.AskAsync(sampled);
        await Task.Delay(200);
        Assert.Equal(0, trio.Large.Calls);
    }

    private static async Task AskAsync(Trio trio, string outcome, int count)
    {
        Assert.Equal(Wire.AnswerPath.Exit, (await trio.AnswerAsync()).Path);
        await trio.UntilAsync(async () => await OpinionsAsync(trio, outcome) == count);
    }

    private static Task<double> OpinionsAsync(Trio trio, string outcome) => trio.MetricAsync("sgl_router_second_opinions_total", $"outcome=\"{outcome}\"");

    private static Task<Trio> StartAsync(params (string, string)[] settings) =>
        Trio.StartAsync((small, _) => small.Scores = _ => SmallPeer.Decision(0.9), settings);
}
