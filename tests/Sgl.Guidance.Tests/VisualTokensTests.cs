using CsCheck;

namespace Sgl.Guidance.Tests;

public class VisualTokensTests
{
    private const int Image = 7;

    private static readonly Gen<(int[] Ids, bool[] Keep)> Prompts = Gen.Select(
        Gen.Int[6, 7].Array[1, 60], Gen.Bool.Array[60]);

    [Fact]
    public void Create_AnyPrompt_FindsEveryVisualTokenInOrder() => Prompts.Sample((ids, _) =>
    {
        var visual = Find(ids);
        var expected = Enumerable.Range(0, ids.Length).Where(i => ids[i] == Image).ToArray();
        Assert.Equal(expected, visual.Positions());
        Assert.Equal((expected.Length, ids.Length), (visual.Count, visual.SequenceLength));
        Assert.Equal(expected.Length == 0 ? -1 : expected[0], visual.First);
        Assert.Equal(expected.Length == 0 ? -1 : expected[^1], visual.Last);
        Assert.Equal(visual.Runs, VisualTokens.Create(visual.Runs, ids.Length).Runs);
    });

    [Fact]
    public void KeptPositions_AnyMask_AreTheTextAndTheKeptTokens() => Prompts.Sample((ids, keep) =>
    {
        var visual = Find(ids);
        var mask = KeepMask.FromIndices(visual.Count, Enumerable.Range(0, visual.Count).Where(i => keep[i]).ToArray());
        var index = 0;
        var expected = Enumerable.Range(0, ids.Length).Where(i => ids[i] != Image || keep[index++]).ToArray();
        Assert.Equal(expected, visual.KeptPositions(mask));
    });

    [Theory]
    [InlineData(ImportanceSource.PromptAndGenerated, ImportanceVariant.Reference, 8, 12)]
    [InlineData(ImportanceSource.PromptAndGenerated, ImportanceVariant.Paper, 9, 12)]
    [InlineData(ImportanceSource.Prompt, ImportanceVariant.Reference, 8, 12)]
    [InlineData(ImportanceSource.LastPrompt, ImportanceVariant.Reference, 11, 12)]
    [InlineData(ImportanceSource.Generated, ImportanceVariant.Reference, 12, 12)]
    public void PrefillRows_TwoImages_StartAtTheLastOnesEnd(ImportanceSource source, ImportanceVariant variant, int start, int end)
    {
        var visual = VisualTokens.Create([new(1, 3), new(6, 3)], 12);
        var rows = new ImportanceOptions { Source = source, Variant = variant }.Rows;
        Assert.Equal((start, end), visual.PrefillRows(rows));
    }

    [Fact]
    public void PrefillRows_NoImage_IsEmpty()
    {
        var (start, end) = VisualTokens.Create([], 5).PrefillRows(new ImportanceOptions().Rows);
        Assert.Equal(start, end);
        Assert.Equal([0, 1, 2, 3, 4], VisualTokens.Create([], 5).KeptPositions(KeepMask.All(0)));
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(-1, 2)]
    [InlineData(4, 2)]
    [InlineData(int.MaxValue, 2)]
    public void Create_WrongRun_NamesIt(int start, int length) =>
        Assert.Equal("runs[0]", Assert.Throws<GuidanceException>(() => VisualTokens.Create([new(start, length)], 5)).Field);

    [Fact]
    public void Create_OverlappingRuns_NamesTheSecond() => Assert.Equal(
        "runs[1]", Assert.Throws<GuidanceException>(() => VisualTokens.Create([new(0, 3), new(2, 1)], 5)).Field);

    /// <summary>The runs of the image's id.</summary>
    private static VisualTokens Find(int[] ids)
    {
        var runs = new List<VisualRun>();
        for (var i = 0; i < ids.Length; i++)
        {
            if (ids[i] != Image)
            {
                continue;
            }

            if (runs.Count > 0 && runs[^1].End == i)
            {
                runs[^1] = runs[^1] with { Length = runs[^1].Length + 1 };
            }
            else
            {
                runs.Add(new VisualRun(i, 1));
            }
        }

        return VisualTokens.Create(runs, ids.Length);
    }
}
