using static Sgl.TestKit.Serving.Chats;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

public sealed class ImagePlacementTests
{
    [Fact]
    public void Complete_AllPlaced_ChangesNothing()
    {
        Wire.ChatMessage[] messages = [Turn(Wire.ChatRole.User, Picture(1), Words("and"), Picture(0))];

        var complete = ImagePlacement.Complete(messages, 2);

        Assert.Equal(messages, complete);
        Assert.Equal([1, 0], ImagePlacement.Order(complete));
    }

    [Fact]
    public void Complete_NonePlaced_PutsThemBeforeTheFirstUserText()
    {
        Wire.ChatMessage[] messages = [Turn(Wire.ChatRole.System, Words("Be brief.")), User("Which is older?"), User("Well?")];

        var complete = ImagePlacement.Complete(messages, 2);

        Assert.Equal(
            [messages[0], Turn(Wire.ChatRole.User, Picture(0), Picture(1), Words("Which is older?")), messages[2]], complete);
        Assert.Single(messages[1].Parts);
    }

    [Fact]
    public void Complete_SomePlaced_PutsTheOthersBeforeTheFirstUserText()
    {
        Wire.ChatMessage[] messages = [Turn(Wire.ChatRole.User, Picture(1), Words("A?"), Picture(2), Words("A?"))];

        var complete = ImagePlacement.Complete(messages, 3);

        Assert.Equal([Turn(Wire.ChatRole.User, Picture(1), Picture(0), Words("A?"), Picture(2), Words("A?"))], complete);
        Assert.Equal([1, 0, 2], ImagePlacement.Order(complete));
    }

    [Fact]
    public void Complete_NoUserText_PutsThemAtTheFirstUserTurnsEnd()
    {
        Wire.ChatMessage[] messages = [Turn(Wire.ChatRole.System, Words("Be brief.")), Turn(Wire.ChatRole.User, Picture(1))];

        Assert.Equal([messages[0], Turn(Wire.ChatRole.User, Picture(1), Picture(0))], ImagePlacement.Complete(messages, 2));
    }
}
