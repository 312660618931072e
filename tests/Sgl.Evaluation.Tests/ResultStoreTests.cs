using System.Text;
using Sgl.Guidance;
using Sgl.TestKit;

namespace Sgl.Evaluation.Tests;

public sealed class ResultStoreTests : IDisposable
{
    private static readonly RunHeader Header = new() { Small = "s", Large = "l", LargeLayers = 8, Seed = 3 };

    private readonly TemporaryFolder _folder = new();

    private string File => Path.Combine(_folder.Path, "runs", "results.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_Again_HasEveryResultOnce()
    {
        using (var store = ResultStore.Open(File, Header))
        {
            Assert.True(store.Add(Record("1")));
            Assert.False(store.Add(Record("1")));
            Assert.True(store.Add(Record("2")));
        }

        using var again = ResultStore.Open(File, Header with { Commit = "another" });
        Assert.Equal((2, 0), (again.Count, again.TornBytes));
        Assert.True(again.Contains("synthetic", "2", "none"));
        Assert.False(again.Contains("synthetic", "2", "sgp"));
        Assert.Equal(Record("1"), again.Find("synthetic", "1", "none"));
        Assert.False(again.Add(Record("2")));
    }

    [Fact]
    public void Open_CutAtAnyByte_KeepsTheWholeLinesAndGoesOn()
    {
        using (var store = ResultStore.Open(File, Header))
        {
            store.Add(Record("1"));
            store.Add(Record("2"));
        }

        var whole = System.IO.File.ReadAllBytes(File);
        for (var length = 0; length <= whole.Length; length++)
        {
            var path = Path.Combine(_folder.Path, $"cut{length}.jsonl");
            System.IO.File.WriteAllBytes(path, whole[..length]);
            var linesLeft = whole[..length].Count(b => b == '\n');
            using (var store = ResultStore.Open(path, Header))
            {
                Assert.Equal(Math.Max(0, linesLeft - 1), store.Count);
                store.Add(Record("1"));
                store.Add(Record("2"));
            }

            Assert.Equal(whole, System.IO.File.ReadAllBytes(path));
            Assert.Equal(["1", "2"], ResultStore.Read(path).Records.Select(r => r.Id));
        }
    }

    [Fact]
    public void Open_LastLineOfWrongBytes_IsCutOff()
    {
        using (var store = ResultStore.Open(File, Header))
        {
            store.Add(Record("1"));
        }

        System.IO.File.AppendAllText(File, "\0\0\0\0\0\n");
        using var again = ResultStore.Open(File, Header);
        Assert.Equal((1, 6), (again.Count, again.TornBytes));
    }

    [Fact]
    public void Open_BrokenLineInside_NamesTheLine()
    {
        using (var store = ResultStore.Open(File, Header))
        {
            store.Add(Record("1"));
        }

        var lines = System.IO.File.ReadAllLines(File);
        System.IO.File.WriteAllLines(File, [lines[0], "broken", lines[1]]);
        var error = Assert.Throws<EvaluationException>(() => ResultStore.Open(File, Header));
        Assert.StartsWith($"{File}:2: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("notes that somebody keeps")]
    [InlineData("{\"mine\": 1}")]
    [InlineData("{\"mine\": 1}\n")]
    public void Open_SomebodyElsesFile_IsLeftAlone(string text)
    {
        var path = _folder.Write("notes.txt", text);
        Assert.Throws<EvaluationException>(() => ResultStore.Open(path, Header));
        Assert.Equal(text, System.IO.File.ReadAllText(path));
    }

    [Fact]
    public void Open_AnotherRun_NamesTheDifference()
    {
        ResultStore.Open(File, Header).Dispose();
        var error = Assert.Throws<EvaluationException>(() => ResultStore.Open(File, Header with { Seed = 4 }));
        Assert.Contains("seed 3, now 4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FileInUse_IsRefused()
    {
        using var first = ResultStore.Open(File, Header);
        Assert.Contains("cannot be opened", Assert.Throws<EvaluationException>(() => ResultStore.Open(File, Header)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Add_FromManyThreads_WritesWholeLines()
    {
        using (var store = ResultStore.Open(File, Header))
        {
            Parallel.For(0, 400, i => store.Add(Record((i / 2).ToString(System.Globalization.CultureInfo.InvariantCulture))));
        }

        Assert.Equal(200, ResultStore.Read(File).Records.Count);
        Assert.Equal(201, System.IO.File.ReadAllLines(File).Length);
    }

    [Fact]
    public void Add_NaNScoresAndForeignText_SurviveTheFile()
    {
        var record = Record("ä\n\"") with
        {
            Answer = "日本\u2028\u0000",
            ExitScores = new ExitScoreSet(0.1, double.NaN, double.NaN, 1, 2, 3, 4, double.NaN),
            Timings = new AnswerTimings(1, 0.25, 0.5, 0.125),
            PeakMemoryBytes = 5_000_000_000,
        };
        using (var store = ResultStore.Open(File, Header))
        {
            store.Add(record);
        }

        Assert.Equal(record, Assert.Single(ResultStore.Read(File).Records));
        Assert.Equal(2, Encoding.UTF8.GetString(System.IO.File.ReadAllBytes(File)).Count(c => c == '\n'));
    }

    private static ResultRecord Record(string id) =>
        new() { Benchmark = "synthetic", Id = id, Method = "none", Kind = "text", Answer = "K7", Score = 1 };
}
