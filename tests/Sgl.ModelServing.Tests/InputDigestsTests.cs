using Google.Protobuf;
using Sgl.TestKit.Serving;
using static Sgl.TestKit.Serving.Chats;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

public sealed class InputDigestsTests
{
    private static readonly ChatInput Input = new(
        [TestImages.Png(4, 4), TestImages.Png(5, 4)], [Turn(Wire.ChatRole.User, Picture(0), Picture(1), Words("Which?"))], null, null);

    [Fact]
    public void Of_SameInput_IsTheSameDigest()
    {
        var again = Input with { Images = [.. Input.Images.Select(i => i.Clone())], Messages = [Input.Messages[0].Clone()], Field = "input." };

        Assert.Equal(Digest(Input), Digest(again));
        Assert.Equal((32, 32), (Digest(Input).VisualSha256.Length, Digest(Input).PromptSha256.Length));
    }

    [Fact]
    public void Of_OtherImage_ChangesTheVisualDigestOnly()
    {
        var other = Digest(Input with { Images = [Input.Images[0], TestImages.Png(5, 5)] });

        Assert.NotEqual(Digest(Input).VisualSha256, other.VisualSha256);
        Assert.Equal(Digest(Input).PromptSha256, other.PromptSha256);
    }

    [Fact]
    public void Of_OtherName_ChangesNothing() =>
        Assert.Equal(Digest(Input), Digest(Input with { Images = [TestImages.Png(4, 4, "a.png"), Input.Images[1]] }));

    [Fact]
    public void Of_OtherOrderLimitsOrKey_ChangesTheVisualDigest()
    {
        var visual = Digest(Input).VisualSha256;

        Assert.NotEqual(visual, InputDigests.Of(Input, "key", [1, 0]).VisualSha256);
        Assert.NotEqual(visual, InputDigests.Of(Input, "other", [0, 1]).VisualSha256);
        Assert.NotEqual(visual, Digest(Input with { ImageLimits = new Wire.ImageLimits { MaxTileCount = 6 } }).VisualSha256);
    }

    [Fact]
    public void Of_OtherChat_ChangesThePromptDigestOnly()
    {
        Wire.ChatMessage[][] others =
        [
            [Turn(Wire.ChatRole.User, Picture(0), Picture(1), Words("Which one?"))],
            [Turn(Wire.ChatRole.User, Picture(0), Words("Which?"), Picture(1))],
            [Turn(Wire.ChatRole.User, Picture(0), Picture(1), Words("Whi"), Words("ch?"))],
            [Turn(Wire.ChatRole.System, Words("")), Input.Messages[0]],
        ];

        var digests = others.Select(m => Digest(Input with { Messages = m })).Append(Digest(Input)).Append(Digest(Input with { KeepPartOrder = true })).ToList();

        Assert.Equal(digests.Count, digests.Select(d => d.PromptSha256).Distinct().Count());
        Assert.Single(digests.Select(d => d.VisualSha256).Distinct());
    }

    [Fact]
    public void Check_AnotherImagesDigest_NamesField()
    {
        var actual = Digest(Input);
        var claimed = new Wire.InputDigest { VisualSha256 = Digest(Input with { Images = [] }, []).VisualSha256, PromptSha256 = actual.PromptSha256 };
        var violations = new ViolationList();

        InputDigests.Check(claimed, actual, "guidance.digest", violations);

        Assert.Equal("guidance.digest.visual_sha256", violations.All.Single().Field);
    }

    [Fact]
    public void Check_EqualEmptyOrAbsent_FindsNothing()
    {
        var violations = new ViolationList();

        InputDigests.Check(null, Digest(Input), "guidance.digest", violations);
        InputDigests.Check(new Wire.InputDigest(), Digest(Input), "guidance.digest", violations);
        InputDigests.Check(Digest(Input), Digest(Input), "guidance.digest", violations);

        Assert.False(violations.Any);
    }

    [Fact]
    public void Check_DigestOfOddLength_IsRefusedNotCrashed()
    {
        var violations = new ViolationList();
        InputDigests.Check(new Wire.InputDigest { PromptSha256 = ByteString.CopyFrom(1) }, Digest(Input), "guidance.digest", violations);
        Assert.Equal("guidance.digest.prompt_sha256", violations.All.Single().Field);
    }

    private static Wire.InputDigest Digest(ChatInput input, int[]? order = null) => InputDigests.Of(input, "key", order ?? [0, 1]);
}
