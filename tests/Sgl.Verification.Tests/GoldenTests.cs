using Sgl.TestKit;

namespace Sgl.Verification.Tests;

/// <summary>The golden cases: a part of them always, all of them where the shared folder is beside the repository.</summary>
public class GoldenTests
{
    /// <summary>Where layers run, and how many rows of a prefill together: 7 cuts every prompt, the visual tokens and the rows whose attention counts.</summary>
    public static TheoryData<string, int> Runs => new() { { "cpu", 256 }, { "cpu*2", 0 }, { "cpu*3", 256 }, { "cpu", 7 }, { "cpu*3", 7 } };

    /// <summary>Copied to the output folder by the project file.</summary>
    internal static string Committed => Path.Combine(AppContext.BaseDirectory, "Data", "goldens");

    [Theory]
    [MemberData(nameof(Runs))]
    public Task RunAsync_CommittedCases_AllPass(string placement, int chunk) => AllPassAsync(Committed, placement, chunk, 10);

    [SkippableTheory]
    [MemberData(nameof(Runs))]
    public Task RunAsync_AuthorsCases_AllPass(string placement, int chunk) => AllPassAsync(SharedData.Require("goldens"), placement, chunk, 13, images: 2);

    [SkippableTheory]
    [MemberData(nameof(Runs))]
    public Task RunAsync_OtherFamilies_AllPass(string placement, int chunk) => AllPassAsync(SharedData.Require("goldens-families"), placement, chunk, 6);

    [SkippableTheory]
    [InlineData("goldens-families-2", "cpu", 256, 14)]
    [InlineData("goldens-families-2", "cpu*3", 7, 14)]
    [InlineData("goldens-families-2-resaved", "cpu", 7, 8)]
    [InlineData("goldens-families-2-resaved", "cpu*3", 256, 8)]
    public Task RunAsync_NewerFamilies_AllPass(string set, string placement, int chunk, int cases) => AllPassAsync(SharedData.Require(set), placement, chunk, cases);

    [Fact]
    public Task RunAsync_CommittedCasesBehindKeptBeginnings_AllPass() => AllPassAsync(Committed, "cpu", 256, 10, warm: true);

    [SkippableTheory]
    [InlineData("goldens", "cpu", 256, 13, 2)]
    [InlineData("goldens", "cpu*3", 7, 13, 2)]
    [InlineData("goldens-families", "cpu", 7, 6, 0)]
    [InlineData("goldens-families", "cpu*2", 256, 6, 0)]
    [InlineData("goldens-families-2", "cpu", 256, 14, 0)]
    [InlineData("goldens-families-2-resaved", "cpu*3", 7, 8, 0)]
    public Task RunAsync_BehindKeptBeginnings_AllPass(string set, string placement, int chunk, int cases, int images) =>
        AllPassAsync(SharedData.Require(set), placement, chunk, cases, images, warm: true);

    [Fact]
    public async Task RunAsync_AnyPlacement_GivesTheSameErrors()
    {
        var expected = await ReportsAsync(Committed, "cpu");
        foreach (var placement in new[] { "cpu*2", "cpu*3" })
        {
            var actual = await ReportsAsync(Committed, placement);
            foreach (var (one, other) in expected.Zip(actual))
            {
                Assert.Equal(one.Name, other.Name);
                Assert.Equal(one.Checks, other.Checks);
            }
        }
    }

    internal static Task<List<CaseReport>> ReportsAsync(string folder, string placement, int chunk = 256, bool warm = false) =>
        ReportsAsync(folder, new VerificationOptions { Placement = placement, PrefillChunk = chunk, Warm = warm });

    internal static async Task<List<CaseReport>> ReportsAsync(string folder, VerificationOptions options)
    {
        var reports = new List<CaseReport>();
        await foreach (var report in GoldenVerifier.Open(folder).RunAsync(options, CancellationToken.None))
        {
            reports.Add(report);
        }

        return reports;
    }

    private static async Task AllPassAsync(string folder, string placement, int chunk, int cases, int images = 0, bool warm = false)
    {
        var reports = await ReportsAsync(folder, placement, chunk, warm);
        Assert.Equal(cases + images, reports.Count);
        var wrong = reports.Where(r => !r.Passed)
            .Select(r => $"{r.Name}: {r.Failure}{string.Join("; ", r.Checks.Where(c => !c.Passed).Select(c => $"{c.Quantity} {c.Error} > {c.Tolerance} {c.Detail}"))}");
        Assert.Empty(wrong);
        Assert.All(reports.Skip(images), r => Assert.Equal(warm, r.Checks.Any(c => c.Quantity.Contains("warm", StringComparison.Ordinal))));

        // A case that compared little would pass too.
        Assert.All(reports.Skip(images), r => Assert.True(r.Checks.Count >= 12, $"{r.Name} compared only {r.Checks.Count} quantities"));
    }
}
