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

    /// <summary>Generations of a family share ordinary tokens; the draft ends where an id is an added token of another meaning in one of the two.</summary>
    [Theory]
    [InlineData("words", "words", 101, new[] { 100 })]
    [InlineData("words", "words", 100, null)]
    [InlineData("words", "words", 999, new[] { 100, 101, 102 })]
    [InlineData("words", "others", 999, null)]
    public async Task Answer_VocabulariesThatDifferInAddedTokens_DraftEndsAtTheFirstOfThem(string small, string large, int added, int[]? expected)
    {
        await using var trio = await Trio.StartAsync(
            (s, l) =>
            {
                (s.Info.TokenizerDigest, l.Info.TokenizerDigest) = ("one", "another");
                (s.Info.OrdinaryTokensDigest, l.Info.OrdinaryTokensDigest) = (small, large);
                s.Info.AddedTokens.Add(102, "<|im_end|>");
                l.Info.AddedTokens.Add(102, "<|im_end|>");
                l.Info.AddedTokens.Add(added, "<think>");
                s.Scores = _ => SmallPeer.Decision(0.1);
            },
            ("Router:Policy:Draft", "True"));

        await trio.AnswerAsync(new Wire.RoutingPolicy());

        var draft = trio.Large.Guidances.Single().Draft;
        Assert.Equal(expected, draft?.TokenIds.ToArray());
        Assert.Equal("", draft?.TokenizerDigest ?? "");
    }
}
