using Sgl.Evaluation;
using Sgl.Guidance;
using Sgl.TestKit;

namespace Sgl.Experiments.Tests;

public sealed class EngineSubjectTests(DemoPair pair) : IClassFixture<DemoPair>
{
    private static readonly IReadOnlyList<EvaluationQuestion> Asked = DemoPair.Questions(8).Questions;

    [Theory]
    [InlineData(1, 0.25)]
    [InlineData(3, 0.1)]
    public async Task AnswerLargeAsync_FastV_PrunesByTheRankingOfTheLayerBefore(int layer, double ratio)
    {
        var fastV = new MethodConfiguration { Method = PruningMethod.FastV, PruneLayer = layer, KeepRatio = ratio };
        // The same ranking from a run of its own that prunes nothing.
        var ranked = fastV with { Method = PruningMethod.FastVOracle, Importance = new ImportanceOptions { Source = ImportanceSource.LastPrompt, SingleLayer = layer - 1 } };
        var wrong = fastV with { Method = PruningMethod.Uniform };
        var differs = 0;
        foreach (var question in Asked)
        {
            var (answer, expected, other) = (await Ask(question, fastV), await Ask(question, ranked), await Ask(question, wrong));

            Assert.Equal((expected.Text, expected.GeneratedTokens, expected.AverageRetention), (answer.Text, answer.GeneratedTokens, answer.AverageRetention));
            differs += answer.Text == other.Text ? 0 : 1;
        }

        Assert.True(differs > 0, "another mask of the same size gives the same answers, so that this test could not fail");
    }

    [Theory]
    [InlineData(0.35)]
    [InlineData(0.09)]
    public async Task AnswerLargeAsync_TokenMerging_ShortensThePrompt(double ratio)
    {
        var merged = await Ask(Asked[0], new() { Method = PruningMethod.TokenMerging, KeepRatio = ratio });
        var whole = await Ask(Asked[0], MethodConfiguration.Unpruned);

        var kept = KeepCount.Of(whole.VisualTokens, ratio);
        Assert.Equal((double)kept / whole.VisualTokens, merged.AverageRetention, 12);
        Assert.Equal(whole.VisualTokens, merged.VisualTokens);
        Assert.True(merged.PeakMemoryBytes < whole.PeakMemoryBytes, $"{merged.PeakMemoryBytes} bytes, unmerged {whole.PeakMemoryBytes}");
    }

    [Fact]
    public async Task AnswerLargeAsync_GuidedTiles_EncodesFewerTilesAndAtThresholdZeroIsSgp()
    {
        double before = 1, share = 0;
        foreach (var threshold in new[] { 0, 0.4, 1 })
        {
            var (tiles, encoded) = (0, 0);
            foreach (var question in Asked)
            {
                var importance = (await pair.Subject.AnswerSmallAsync(question, [new ImportanceOptions()], CancellationToken.None)).Importances[0];
                var sgp = new MethodConfiguration { Method = PruningMethod.Sgp, PruneLayer = 1, KeepRatio = 0.25 };
                var guided = sgp with { Method = PruningMethod.GuidedTiles, TileThreshold = threshold };
                var expected = await pair.Subject.AnswerLargeAsync(question, 0, sgp, importance, CancellationToken.None);
                var answer = await pair.Subject.AnswerLargeAsync(question, 0, guided, importance, CancellationToken.None);

                Assert.Equal((expected.Tiles, expected.Tiles), (answer.Tiles, expected.EncodedTiles));
                (tiles, encoded) = (tiles + answer.Tiles!.Value, encoded + answer.EncodedTiles!.Value);
                if (threshold == 0)
                {
                    Assert.Equal((expected.Text, expected.AverageRetention, expected.Tiles), (answer.Text, answer.AverageRetention, answer.EncodedTiles));
                }
                else
                {
                    Assert.True(answer.AverageRetention <= expected.AverageRetention);
                }

                Assert.True(answer.Timings!.Processor > 0);
            }

            share = (double)encoded / tiles;
            Assert.True(threshold == 0 ? share == 1 : share < before, $"{share} of the tiles at {threshold}, {before} before");
            before = share;
        }

        Assert.True(share <= 0.6, $"{share}");
    }

    [Fact]
    public async Task Write_GuidedTiles_TableAndCurvesBesideSgp()
    {
        using var folder = new TemporaryFolder();
        var (dataset, file) = (DemoPair.Questions(3), folder.Combine("results.jsonl"));
        var rows = new MethodSelection { Methods = [PruningMethod.Sgp, PruningMethod.GuidedTiles], PruneLayer = 1, KeepRatio = 0.25, TileThresholds = [0, 1] }.Rows(DemoPair.Layers);
        using (var store = ResultStore.Open(file, RunHeaders.Of(pair.Subject.Description, "test", 0)))
        {
            await new EvaluationRunner(pair.Subject, store).RunAsync(dataset, [.. rows.Select(r => r.Method).OfType<MethodConfiguration>()], null, CancellationToken.None);
        }

        var (header, records) = ResultStore.Read(file);
        var files = new RunReport(header, dataset, rows, records).Write(folder.Path);

        Assert.Equal(["tiles.csv", "tiles.svg", "tiles-time.svg"], files.Where(f => f.StartsWith("tiles", StringComparison.Ordinal)));
        var shares = (await File.ReadAllLinesAsync(folder.Combine("tiles.csv"))).Skip(1).Select(l => l.Split(',')).ToDictionary(c => (c[0], c[1]), c => c[3]);
        Assert.Equal(("1.000", "1.000"), (shares[("SGP", "34.4%")], shares[("guided tiles", "34.4% t0")]));
        Assert.InRange(double.Parse(shares[("guided tiles", "34.4% t1")], System.Globalization.CultureInfo.InvariantCulture), 0.1, 0.9);
    }

    [Fact]
    public async Task LearnTrendAsync_PicturesWithoutAQuestion_ThenTheRuleDebiasedCanBeAsked()
    {
        var small = await pair.Subject.AnswerSmallAsync(Asked[0], [new ImportanceOptions()], CancellationToken.None);
        var paper = new MethodConfiguration { Method = PruningMethod.Sgp, PruneLayer = 1, KeepRatio = 0.25 };
        var debiased = paper with { Rule = new GuidanceRule(GuidanceRuleKind.Debiased, 8) };
        await Assert.ThrowsAsync<EvaluationException>(() => AskAsync(debiased));

        await pair.Subject.LearnTrendAsync(Asked, 8, CancellationToken.None);

        Assert.Equal((await AskAsync(paper)).AverageRetention, (await AskAsync(debiased)).AverageRetention, 6);

        Task<LargeAnswer> AskAsync(MethodConfiguration method) => pair.Subject.AnswerLargeAsync(Asked[0], 0, method, small.Importances[0], CancellationToken.None);
    }

    [Fact]
    public async Task AnswerLargeAsync_NothingDropped_AnswersAsUnpruned()
    {
        foreach (var question in Asked)
        {
            var small = await pair.Subject.AnswerSmallAsync(question, [new ImportanceOptions()], CancellationToken.None);
            var whole = await Ask(question, MethodConfiguration.Unpruned);
            foreach (var method in new[] { PruningMethod.Sgp, PruningMethod.FastVOracle, PruningMethod.Random, PruningMethod.Uniform, PruningMethod.FastV })
            {
                var all = new MethodConfiguration { Method = method, PruneLayer = 1, KeepRatio = 1 };
                var answer = await pair.Subject.AnswerLargeAsync(question, 0, all, small.Importances[0], CancellationToken.None);

                Assert.Equal((method, whole.Text, 1.0), (method, answer.Text, answer.AverageRetention));
            }

            var merged = await Ask(question, new() { Method = PruningMethod.TokenMerging, KeepRatio = 1 });
            Assert.Equal(whole.Text, merged.Text);
        }
    }

    [Fact]
    public async Task AnswerSmallAsync_SeveralSources_OneVectorEach()
    {
        ImportanceOptions[] wanted =
        [
            new() { Source = ImportanceSource.LastPrompt }, new(), new() { Source = ImportanceSource.Prompt },
            new() { Source = ImportanceSource.Generated }, new() { LayerFraction = 0.25 },
        ];

        var answer = await pair.Subject.AnswerSmallAsync(Asked[0], wanted, CancellationToken.None);

        Assert.All(answer.Importances, a => Assert.Equal(answer.VisualTokens, a.Length));
        for (var token = 0; token < answer.VisualTokens; token++)
        {
            var (whole, prompt, generated) = (answer.Importances[1][token], answer.Importances[2][token], answer.Importances[3][token]);
            Assert.Equal(whole, prompt + generated, 4);
            Assert.True(answer.Importances[0][token] <= prompt, "the last prompt row is one of the prompt rows");
        }

        Assert.NotEqual(Ranking.Descending(answer.Importances[1]), Ranking.Descending(answer.Importances[4]));
    }

    [Fact]
    public async Task RunAsync_InBatches_AnswersAsOneByOneWithoutTimes()
    {
        MethodConfiguration[] methods =
        [
            MethodConfiguration.Unpruned, new() { Method = PruningMethod.Sgp, PruneLayer = 1, KeepRatio = 0.25 },
            new() { Method = PruningMethod.GuidedTiles, PruneLayer = 1, KeepRatio = 0.25 }, new() { Method = PruningMethod.FastV, PruneLayer = 1, KeepRatio = 0.25 },
            new() { Method = PruningMethod.TokenMerging, KeepRatio = 0.35 },
        ];
        using var folder = new TemporaryFolder();
        await using var batched = await DemoPair.LoadAsync(batch: 4);

        var alone = await RunAsync(pair.Subject, "alone.jsonl", 1);
        var together = await RunAsync(batched, "together.jsonl", 4);

        Assert.Equal(6 * (methods.Length + 1), together.Count);
        Assert.Equal(alone.Keys.Order(), together.Keys.Order());
        foreach (var (key, answer) in together)
        {
            var expected = alone[key];
            Assert.Equal((key, expected.Answer, expected.VisualTokens, expected.AverageRetention, expected.Tiles), (key, answer.Answer, answer.VisualTokens, answer.AverageRetention, answer.Tiles));
            Assert.True(answer.Timings is null && expected.Timings is not null);
            Assert.Equal(expected.EncodedTiles, answer.EncodedTiles);
        }

        async Task<Dictionary<(string Id, string Method), ResultRecord>> RunAsync(EngineSubject subject, string file, int inFlight)
        {
            using var store = ResultStore.Open(folder.Combine(file), RunHeaders.Of(subject.Description, "test", 0));
            await new EvaluationRunner(subject, store, concurrency: inFlight, together: inFlight > 1).RunAsync(DemoPair.Questions(6), methods, null, CancellationToken.None);
            return store.Records().ToDictionary(r => (r.Id, r.Method));
        }
    }

    private Task<LargeAnswer> Ask(EvaluationQuestion question, MethodConfiguration method) =>
        pair.Subject.AnswerLargeAsync(question, 0, method, null, CancellationToken.None);
}
