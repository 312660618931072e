using Sgl.Evaluation;
using Sgl.Guidance;
using Sgl.TestKit;

namespace Sgl.Experiments.Tests;

public sealed class ResumedRunTests(DemoPair pair) : IClassFixture<DemoPair>, IDisposable
{
    private static readonly MethodConfiguration[] Methods =
    [
        MethodConfiguration.Unpruned,
        PaperExperiment.Row("", PruningMethod.Sgp, 9, DemoPair.Layers).Method!,
        PaperExperiment.Row("", PruningMethod.Sgp, 9, DemoPair.Layers, new ImportanceOptions { Source = ImportanceSource.LastPrompt }).Method!,
        PaperExperiment.Row("", PruningMethod.FastV, 35, DemoPair.Layers).Method!,
        PaperExperiment.Row("", PruningMethod.Random, 9, DemoPair.Layers, seed: 5).Method!,
        PaperExperiment.Row("", PruningMethod.TokenMerging, 35, DemoPair.Layers).Method!,
    ];

    private readonly TemporaryFolder _folder = new();

    private string File => _folder.Combine("results.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task RunAsync_HalfOfTheResultsLost_GivesTheSameRecords()
    {
        var dataset = DemoPair.Questions(3);
        await RunAsync(dataset, skipBad: false);
        var (_, whole) = ResultStore.Read(File);
        Assert.Equal(3 * (1 + Methods.Length), whole.Count);
        var lines = await System.IO.File.ReadAllLinesAsync(File);
        await System.IO.File.WriteAllTextAsync(File, string.Concat(lines.Where((_, i) => i == 0 || i % 2 == 1).Select(l => l + "\n")) + lines[2][..40]);

        await RunAsync(dataset, skipBad: false);

        var (_, again) = ResultStore.Read(File);
        Assert.Equal(Comparable(whole), Comparable(again));
    }

    [Fact]
    public async Task RunAsync_ImageThatIsNone_EndsWithItsNameOrIsCounted()
    {
        await System.IO.File.WriteAllTextAsync(_folder.Combine("broken.png"), "not an image");
        await System.IO.File.WriteAllTextAsync(
            _folder.Combine("questions.jsonl"), """{"image":"broken.png","question":"What is it?","answer":"nothing","question_id":"q1"}""");
        var dataset = Benchmarks.Named("synthetic").Read(_folder.Path);

        var error = await Assert.ThrowsAsync<EvaluationException>(() => RunAsync(dataset, skipBad: false));
        Assert.Contains("question q1", error.Message, StringComparison.Ordinal);
        Assert.Contains("broken.png", error.Message, StringComparison.Ordinal);

        await RunAsync(dataset, skipBad: true);
        var (header, records) = ResultStore.Read(File);
        Assert.All(records, r => Assert.NotNull(r.Error));
        var report = new RunReport(header, dataset, new MethodSelection().Rows(DemoPair.Layers), records);
        report.Write(_folder.Path);
        Assert.Contains($"failed answers: {records.Count}", await System.IO.File.ReadAllTextAsync(_folder.Combine("summary.md")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_OtherWeightsOfTheSameName_Refused()
    {
        await RunAsync(DemoPair.Questions(1), skipBad: false);
        var header = RunHeaders.Of(pair.Subject.Description, "test", 0);

        var error = Assert.Throws<EvaluationException>(() => ResultStore.Open(File, header with { LargeWeights = "0123456789ab" }));

        Assert.Contains("weights of the large model", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_ChangedRequests_AnotherFingerprint()
    {
        var benchmark = Benchmarks.Named("requests");
        var file = _folder.Combine("requests.jsonl");
        System.IO.File.WriteAllText(file, """{"image":"a.png","question":"What?"}""");
        var before = DataFingerprint.Of(benchmark, file);
        Assert.Equal(before, DataFingerprint.Of(benchmark, _folder.Path));
        System.IO.File.AppendAllText(file, "\n");
        var header = RunHeaders.Of(pair.Subject.Description, "test", 0, before);
        ResultStore.Open(File, header).Dispose();

        var error = Assert.Throws<EvaluationException>(() => ResultStore.Open(File, header with { Data = DataFingerprint.Of(benchmark, file) }));

        Assert.Contains("data files", error.Message, StringComparison.Ordinal);
    }

    private async Task RunAsync(Dataset dataset, bool skipBad)
    {
        using var store = ResultStore.Open(File, RunHeaders.Of(pair.Subject.Description, "test", 0));
        await new EvaluationRunner(pair.Subject, store, skipBad).RunAsync(dataset, Methods, null, CancellationToken.None);
    }

    private static IEnumerable<ResultRecord> Comparable(IEnumerable<ResultRecord> records) =>
        records.Select(r => r with { Timings = null }).OrderBy(r => r.Id, StringComparer.Ordinal).ThenBy(r => r.Method, StringComparer.Ordinal);
}
