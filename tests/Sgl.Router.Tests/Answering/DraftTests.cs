using Wire = Sgl.V1;

namespace Sgl.Router.Tests;

public sealed class DraftTests
{
    [Theory]
    [InlineData("same", "same", true, false, true)]
    [InlineData("same", "other", true, false, false)]
    [InlineData("", "", true, false, false)]
    [InlineData("same", "same", false, false, false)]
    [InlineData("same", "same", true, true, false)]
    public async Task Answer_Escalation_DraftOnlyWhereBothShareAVocabularyAndNobodyObjects(string small, string large, bool configured, bool omitted, bool expected)
    {
        await using var trio = await Trio.StartAsync(
            (s, l) =>
            {
                s.Info.TokenizerDigest = small;
                l.Info.TokenizerDigest = large;
                s.Scores = _ => SmallPeer.Decision(0.1);
            },
            ("Router:Policy:Draft", $"{configured}"));

        await trio.AnswerAsync(new Wire.RoutingPolicy { OmitDraft = omitted });

        var draft = trio.Large.Guidances.Single().Draft;
        Assert.Equal(expected, draft is not null);
        if (expected)
        {
            Assert.Equal([100, 101, 102], draft!.TokenIds);
            Assert.Equal(small, draft.TokenizerDigest);
        }
    }
}
