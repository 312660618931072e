using Sgl.Guidance;
using Sgl.Inference.Internal.Decoding;
using Sgl.Inference.Tests.Support;

namespace Sgl.Inference.Tests.Decoding;

/// <summary>Which chunks a pass is cut into, whoever runs them.</summary>
public class ForwardPassTests
{
    private const int Visual = 60;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Begin_ChunksUnderWayAtTheSameTime_AreThoseThatRunOneAfterTheOther(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 200; round++)
        {
            var most = random.Next(1, 30);
            double[] ratios = [1, random.NextDouble(), random.NextDouble() * random.NextDouble()];
            var segments = random.Next(1, 4);
            var first = random.Next(3) == 0;
            var expected = Run(ratios, segments, most, first, underWay: 1, new Random(round));
            var actual = Run(ratios, segments, most, first, underWay: random.Next(2, 6), new Random(round));
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void NextRows_AttentionIsRead_OneChunkAtATime()
    {
        using var pass = Pass([1], 1, first: false, attention: true);
        Assert.Equal(8, pass.NextRows(8));
        var chunk = pass.Begin(8);
        Assert.Equal(0, pass.NextRows(8));
        pass.End(chunk);
        Assert.NotEqual(0, pass.NextRows(8));
    }

    [Fact]
    public void NextRows_RowsOnTheirWayToTheNextSegment_WaitForThem()
    {
        using var pass = Pass([1, 0.5], 2, first: false, attention: false);
        var chunks = new List<PassChunk>();
        while (pass.NextRows(16) > 0)
        {
            chunks.Add(pass.Begin(16));
        }

        // All that began is of the first segment: kept rows of none of them are there yet.
        Assert.All(chunks, c => Assert.Equal(0, c.Segment));
        Assert.False(pass.Done);
        chunks.ForEach(pass.End);
        Assert.NotEqual(0, pass.NextRows(16));
        Assert.Equal(1, pass.Begin(16).Segment);
    }

    private static List<(int Segment, int Count)> Run(double[] ratios, int segments, int most, bool first, int underWay, Random random)
    {
        using var pass = Pass(ratios, segments, first, attention: false);
        var begun = new List<(int, int)>();
        var running = new List<PassChunk>();
        while (!pass.Done)
        {
            while (running.Count < underWay && pass.NextRows(most) is > 0 and var rows)
            {
                var chunk = pass.Begin(most);
                Assert.Equal(rows, chunk.Count);
                begun.Add((chunk.Segment, chunk.Count));
                running.Add(chunk);
            }

            Assert.NotEmpty(running);
            // Those of one segment end in their order, others when they like.
            var segment = running[random.Next(running.Count)].Segment;
            var next = running.FindIndex(c => c.Segment == segment);
            pass.End(running[next]);
            running.RemoveAt(next);
        }

        Assert.True(pass.AllBegun);
        Assert.Equal(0, pass.RowsLeft);
        return begun;
    }

    private static ForwardPass Pass(double[] ratios, int segments, bool first, bool attention)
    {
        var prompt = TestEngine.Prompt(3, 7, Visual, 9);
        int[] positions = [.. Enumerable.Range(0, prompt.Ids.Length)];
        var sequence = new Sequence(prompt, [], new PromptPositions([positions], 0), TestEngine.Tokens(1), layers: 4, CancellationToken.None);
        var cuts = Enumerable.Range(0, segments).Select(i => new PassSegment(i, i, i == 0 ? null : new RowQueue(1)) { Mask = i > 0 || first ? Mask(ratios[i]) : null });
        return new ForwardPass(sequence, new PassRows(sequence, [5, 6, 7]), [.. cuts], 1, new AnswerRows(4, 1, null)) { AttentionRows = attention ? _ => (0, 1) : null };
    }

    private static KeepMask Mask(double ratio) => KeepMask.FromIndices(Visual, [.. Enumerable.Range(0, Visual).Where(v => v * 37 % Visual < ratio * Visual)]);
}
