using Sgl.Guidance;
using Sgl.TestKit;

namespace Sgl.Evaluation.Tests;

public sealed class RunnerTests : IDisposable
{
    private static readonly RunHeader Header = new() { Small = "small", Large = "large", LargeLayers = 48 };

    private static readonly MethodConfiguration[] Methods =
    [
        MethodConfiguration.Unpruned,
        MethodConfiguration.At(PruningMethod.Sgp, PruneSchedule.Paper(9), 48),
        MethodConfiguration.At(PruningMethod.Sgp, PruneSchedule.Paper(9), 48, new ImportanceOptions { LayerFraction = 0.5 }),
        MethodConfiguration.At(PruningMethod.Random, PruneSchedule.Paper(35), 48),
        MethodConfiguration.At(PruningMethod.Uniform, PruneSchedule.Paper(35), 48),
    ];

    private readonly TemporaryFolder _folder = new();

    private string File => Path.Combine(_folder.Path, "results.jsonl");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, false)]
    [InlineData(4, false)]
    [InlineData(1, true)]
    [InlineData(4, true)]
    public async Task RunAsync_AllMethods_AnswersEveryQuestionOnce(int concurrency, bool together)
    {
        var subject = new SyntheticSubject();
        var progress = new Progress();
        using var store = ResultStore.Open(File, Header);
        await new EvaluationRunner(subject, store, concurrency: concurrency, together: together).RunAsync(Data(60), Methods, progress, CancellationToken.None);

        Assert.Equal(60 * 6, subject.Calls);
        Assert.Equal(60 * 6, store.Count);
        Assert.Equal(new EvaluationProgress(360, 360, 0), progress.Last);
        var report = new EvaluationReport(Header, store.Records());
        string[] keys = [ResultRecord.SmallMethod, .. Methods.Select(m => m.Key)];
        Assert.Equal(100, report.Score("synthetic", "none", keys)!.Value.Value);
        Assert.Equal(100, report.Score("synthetic", Methods[1].Key, keys)!.Value.Value);
        // One of twenty tokens is kept: without importance it is token 0, which answers every twentieth question.
        Assert.Equal(5, report.Score("synthetic", Methods[2].Key, keys)!.Value.Value, 9);
        Assert.Equal(20, report.Score("synthetic", Methods[4].Key, keys)!.Value.Value, 9);
        Assert.Equal(200 / 3.0, report.Score("synthetic", ResultRecord.SmallMethod, keys)!.Value.Value, 9);
    }

    [Fact]
    public async Task RunAsync_KilledAnywhere_GoesOnWithoutLossOrRepeat()
    {
        var whole = Path.Combine(_folder.Path, "whole.jsonl");
        using (var store = ResultStore.Open(whole, Header))
        {
            await new EvaluationRunner(new SyntheticSubject(), store).RunAsync(Data(7), Methods, null, CancellationToken.None);
        }

        var restarts = 0;
        for (var stop = 1; ; stop += 3)
        {
            using var store = ResultStore.Open(File, Header);
            try
            {
                var subject = new SyntheticSubject { StopsAfter = stop };
                await new EvaluationRunner(subject, store).RunAsync(Data(7), Methods, null, CancellationToken.None);
                break;
            }
            catch (OperationCanceledException)
            {
                restarts++;
            }
        }

        Assert.True(restarts > 2);
        Assert.Equal(ResultStore.Read(whole).Records, ResultStore.Read(File).Records);
    }

    [Fact]
    public async Task RunAsync_Together_AllMethodsOfAQuestionAreInFlightAtOnce()
    {
        // The first large answer comes only when every method has been asked for: one after the other this would never end.
        var subject = new SyntheticSubject { LargeAnswersWaitFor = Methods.Length };
        using var store = ResultStore.Open(File, Header);
        await new EvaluationRunner(subject, store, together: true).RunAsync(Data(1), Methods, null, CancellationToken.None);

        Assert.Equal(1 + Methods.Length, store.Count);
    }

    [Fact]
    public async Task RunAsync_Finished_AsksNothingAgain()
    {
        using var store = ResultStore.Open(File, Header);
        await new EvaluationRunner(new SyntheticSubject(), store).RunAsync(Data(5), Methods, null, CancellationToken.None);
        var subject = new SyntheticSubject();
        await new EvaluationRunner(subject, store).RunAsync(Data(5), Methods, null, CancellationToken.None);
        Assert.Equal(0, subject.Calls);
    }

    [Fact]
    public async Task RunAsync_QuestionFails_StopsAndNamesIt()
    {
        using var store = ResultStore.Open(File, Header);
        var subject = new SyntheticSubject { FailsAt = "3" };
        var error = await Assert.ThrowsAsync<EvaluationException>(
            () => new EvaluationRunner(subject, store).RunAsync(Data(5), Methods, null, CancellationToken.None));
        Assert.Contains("question 3 (page.png)", error.Message, StringComparison.Ordinal);
        Assert.Contains("the image is broken", error.Message, StringComparison.Ordinal);
        Assert.True(store.Contains("synthetic", "2", "none"));
    }

    [Fact]
    public async Task RunAsync_SkipBad_CountsItAndComparesTheOthers()
    {
        using var store = ResultStore.Open(File, Header);
        var progress = new Progress();
        await new EvaluationRunner(new SyntheticSubject { FailsAt = "3" }, store, skipBad: true)
            .RunAsync(Data(5), Methods, progress, CancellationToken.None);
        Assert.Equal("the image is broken", store.Find("synthetic", "3", "none")!.Error);
        Assert.Equal(30, progress.Last.Done);
        Assert.True(progress.Last.Failed >= 2);
        var table = new EvaluationReport(Header, store.Records())
            .MethodTable("t", [("all", "100%", "none"), ("SGP", "9%", Methods[1].Key)]);
        Assert.Contains(table.Notes, n => n.StartsWith("synthetic: 4 questions", StringComparison.Ordinal));
    }

    [Fact]
    public async Task RunAsync_MethodTwice_IsRefused()
    {
        using var store = ResultStore.Open(File, Header);
        await Assert.ThrowsAsync<EvaluationException>(() => new EvaluationRunner(new SyntheticSubject(), store)
            .RunAsync(Data(1), [Methods[0], Methods[0]], null, CancellationToken.None));
    }

    [Fact]
    public void Key_EveryAblation_IsAnother()
    {
        var setting = PruneSchedule.Paper(9);
        MethodConfiguration[] all =
        [
            .. Enum.GetValues<PruningMethod>().Select(m => MethodConfiguration.At(m, setting, 48)),
            .. PruneSchedule.PaperSettings.Skip(1).Take(3).Select(s => MethodConfiguration.At(PruningMethod.Sgp, s, 48)),
            .. new[] { 0.1, 0.3, 0.5, 0.7 }.Select(f => MethodConfiguration.At(PruningMethod.Sgp, setting, 48, new() { LayerFraction = f })),
            .. new[] { ImportanceSource.Prompt, ImportanceSource.Generated, ImportanceSource.LastPrompt }
                .Select(s => MethodConfiguration.At(PruningMethod.Sgp, setting, 48, new() { Source = s })),
            MethodConfiguration.At(PruningMethod.Sgp, setting, 48, new() { Variant = ImportanceVariant.Paper }),
            MethodConfiguration.At(PruningMethod.Sgp, setting, 48, new() { SingleLayer = 0 }),
            MethodConfiguration.At(PruningMethod.Random, setting, 48) with { Seed = 5 },
        ];
        Assert.Equal(all.Length, all.Select(m => m.Key).Distinct().Count());
        Assert.Equal("sgp-f0.05-r0.05", MethodConfiguration.At(PruningMethod.Sgp, setting, 48).Key);
    }

    [Fact]
    public void At_PaperSettings_RetainTheSameOnAverage()
    {
        foreach (var method in Enum.GetValues<PruningMethod>().Where(m => m != PruningMethod.None))
        {
            Assert.Equal(4.3 / 48, MethodConfiguration.At(method, PruneSchedule.Paper(9), 48).AverageRetention(48), 12);
        }

        Assert.Equal(2, MethodConfiguration.At(PruningMethod.FastV, PruneSchedule.Paper(9), 48).Layer(48));
        Assert.Equal(48, MethodConfiguration.At(PruningMethod.TokenMerging, PruneSchedule.Paper(9), 48).Layer(48));
    }

    [Fact]
    public void Mask_Random_DiffersByQuestionAndRepeats()
    {
        var method = MethodConfiguration.At(PruningMethod.Random, PruneSchedule.Paper(35), 48);
        Assert.Equal(method.Mask(100, [], 3), method.Mask(100, [], 3));
        Assert.NotEqual(method.Mask(100, [], 3), method.Mask(100, [], 4));
        Assert.Equal(20, method.Mask(100, [], 3)!.Count);
        Assert.Throws<GuidanceException>(() => MethodConfiguration.At(PruningMethod.Sgp, PruneSchedule.Paper(9), 48).Mask(4, [1], 0));
    }

    internal static Dataset Data(int count) => new(
        Benchmarks.Named("synthetic"),
        [.. Enumerable.Range(0, count).Select(i => new EvaluationQuestion
        {
            Benchmark = "synthetic",
            Id = i.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Text = "What is the code?",
            Image = ImageSource.Inline("page.png", [1]),
            Reference = new ReferenceAnswer { Answers = [$"A{i}"] },
            Kind = i % 2 == 0 ? "text" : "count",
        })],
        []);

    private sealed class Progress : IProgress<EvaluationProgress>
    {
        private readonly Lock _lock = new();

        public EvaluationProgress Last { get; private set; }

        public void Report(EvaluationProgress value)
        {
            lock (_lock)
            {
                Last = value.Done > Last.Done ? value : Last;
            }
        }
    }
}
