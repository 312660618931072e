using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Internal.Scheduling;
using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests;

/// <summary>Whose prompt runs next.</summary>
public class WorkQueueTests
{
    [Fact]
    public void AddPrompt_ShorterThanWhatTheFirstHasLeft_PassesIt()
    {
        var queue = new WorkQueue();
        Sequence page = Prompt(1800), question = Prompt(100), asLong = Prompt(1300), later = Prompt(1250);
        queue.AddPrompt(page, 0, waitsForItsImage: true);
        queue.AddPrompt(question, 500, waitsForItsImage: true);
        queue.AddPrompt(asLong, 500, waitsForItsImage: true);
        queue.AddPrompt(later, 560, waitsForItsImage: true);

        Assert.Equal(1800 + 100 + 1300 + 1250, queue.RowsLeft);
        Assert.Equal([question, page, asLong, later], Drain(queue));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(50)]
    [InlineData(999)]
    public void AddPrompt_AlwaysAnotherShortOne_TheLongOneIsPassedByItsOwnLengthAtMost(int rows)
    {
        var queue = new WorkQueue();
        var page = Prompt(1000);
        queue.AddPrompt(page, 0, waitsForItsImage: true);
        var run = 0;
        for (; run < 5000; run += rows)
        {
            var next = Prompt(rows);
            queue.AddPrompt(next, run, waitsForItsImage: true);
            if (queue.First == page)
            {
                break;
            }

            queue.Remove(next);
        }

        Assert.InRange(run, 1, 1000);
    }

    [Fact]
    public void AddConsistency_BesidePrompts_GoesFirstInTheOrderTheyCame()
    {
        var queue = new WorkQueue();
        Sequence prompt = Prompt(1), first = Prompt(9), second = Prompt(5);
        queue.AddPrompt(prompt, 0, waitsForItsImage: true);
        queue.AddConsistency(first);
        queue.AddConsistency(second);

        Assert.Equal(1, queue.RowsLeft);
        Assert.Equal([first, second, prompt], Drain(queue));
    }

    [Fact]
    public void AddPrompt_ImageOfOneThatRuns_WaitsToBeginBehindIt()
    {
        var queue = new WorkQueue();
        Sequence page = Prompt(1800, image: 1), same = Prompt(1700, image: 1), other = Prompt(1700, image: 2), known = Prompt(20, image: 1);
        queue.AddPrompt(page, 0, waitsForItsImage: true);
        queue.AddPrompt(same, 10, waitsForItsImage: true);
        queue.AddPrompt(other, 10, waitsForItsImage: true);
        queue.AddPrompt(known, 10, waitsForItsImage: false);

        Assert.Equal([known, other, page, same], Drain(queue));
    }

    private static List<Sequence> Drain(WorkQueue queue)
    {
        var all = new List<Sequence>();
        while (queue.First is { } first)
        {
            all.Add(first);
            queue.Remove(first);
        }

        return all;
    }

    private static Sequence Prompt(int rows, int image = 0) =>
        new(TestEngine.Prompt(rows, 4, 0, 0), [], new PromptPositions([[0, 1, 2, 3]], 0), TestEngine.Tokens(1), layers: 4, CancellationToken.None)
        {
            RowsLeft = rows,
            ImageKeys = image == 0 ? null : [new VisionKey(0, (UInt128)image)],
        };
}
