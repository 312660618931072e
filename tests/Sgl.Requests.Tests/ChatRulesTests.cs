using static Sgl.TestKit.Serving.Chats;
using Wire = Sgl.V1;

namespace Sgl.Requests.Tests;

public sealed class ChatRulesTests
{
    [Fact]
    public void Check_OneQuestion_FindsNothing() => Assert.Empty(Check(1, User("What is written here?")));

    [Fact]
    public void Check_WholeChatWithPlacedImages_FindsNothing() => Assert.Empty(Check(
        2,
        Turn(Wire.ChatRole.System, Words("Be brief.")),
        Turn(Wire.ChatRole.User, Picture(1), Words("And this?")),
        Turn(Wire.ChatRole.Assistant, Words("A cat.")),
        Turn(Wire.ChatRole.User, Words("Sure? "), Picture(0), Words("Look again."))));

    [Fact]
    public void Check_NoMessages_NamesTheList() => Assert.Equal(["messages"], Check(0));

    [Theory]
    [InlineData("")]
    [InlineData(" \n\t")]
    public void Check_EmptyQuestion_NamesItsParts(string question) => Assert.Equal(["messages[0].parts"], Check(1, User(question)));

    [Fact]
    public void Check_QuestionOfAnImageAlone_FindsNothing() => Assert.Empty(Check(1, Turn(Wire.ChatRole.User, Picture(0))));

    [Fact]
    public void Check_EmptyAnswerAndLaterInstructions_FindsNothing() => Assert.Empty(Check(
        0, User("Hello"), Turn(Wire.ChatRole.Assistant), Turn(Wire.ChatRole.System, Words("Be brief.")), User("Well?"), Turn(Wire.ChatRole.System, Words("One word."))));

    [Fact]
    public void Check_LastTurnOfTheAssistant_NamesItsRole()
    {
        Assert.Equal(["messages[1].role"], Check(0, User("Hello"), Turn(Wire.ChatRole.Assistant, Words("Hi"))));
        Assert.Equal(["messages[0].role"], Check(0, Turn(Wire.ChatRole.System, Words("Be brief."))));
    }

    [Fact]
    public void Check_SeveralMistakes_NamesAllOfThem() => Assert.Equal(
        [
            "messages[0].role",
            "messages[0].parts",
            "messages[1].parts[0].image_index",
            "messages[1].parts[1]",
            "messages[2].role",
            "messages[3].parts[0].image_index",
            "messages[3].parts[2].image_index",
        ],
        Check(
            1,
            Turn(Wire.ChatRole.Unspecified),
            Turn(Wire.ChatRole.System, Picture(0), new Wire.ChatPart()),
            Turn((Wire.ChatRole)9, Words("?")),
            Turn(Wire.ChatRole.User, Picture(1), Picture(0), Picture(0), Words("?"))));

    [Fact]
    public void Check_TooManyTurns_NamesTheList() =>
        Assert.Equal(["messages"], Check(0, [.. Enumerable.Repeat(User("x"), ChatRules.MostMessages + 1)]));

    [Fact]
    public void Check_TooMuchText_NamesTheList()
    {
        var half = User(new string('x', ChatRules.MostCharacters / 2));
        Assert.Empty(Check(0, half, half));
        Assert.Equal(["messages"], Check(0, half, half, User("x")));
    }

    [Fact]
    public void Check_MillionsOfMistakes_StopsAtADozen()
    {
        var turn = Turn(Wire.ChatRole.User);
        turn.Parts.Add(Enumerable.Repeat(new Wire.ChatPart(), 1_000_000));
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Equal(ViolationList.Most, Check(0, turn).Count());

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    private static IEnumerable<string> Check(int images, params Wire.ChatMessage[] messages) =>
        ViolationList.Of(violations => ChatRules.Check(messages, images, "messages", violations)).Select(v => v.Field);
}
