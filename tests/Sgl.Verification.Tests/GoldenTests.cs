using Sgl.Testing;

namespace Sgl.Verification.Tests;

/// <summary>The golden cases: a part of them always, all of them where the shared folder is beside the repository.</summary>
public class GoldenTests
{
    public static TheoryData<string> Placements => ["cpu", "cpu*2", "cpu*3"];

    /// <summary>Copied to the output folder by the project file.</summary>
    internal static string Committed => Path.Combine(AppContext.BaseDirectory, "Data", "goldens");

    [Theory]
    [MemberData(nameof(Placements))]
    public Task RunAsync_CommittedCases_AllPass(string placement) => AllPassAsync(Committed, placement, 10);

    [SkippableTheory]
    [MemberData(nameof(Placements))]
    public Task RunAsync_AuthorsCases_AllPass(string placement) => AllPassAsync(SharedData.Require("goldens"), placement, 13, images: 2);

    [SkippableTheory]
    [MemberData(nameof(Placements))]
    public Task RunAsync_OtherFamilies_AllPass(string placement) => AllPassAsync(SharedData.Require("goldens-families"), placement, 6);

    [SkippableTheory]
    [InlineData("goldens-families-2", "cpu", 14)]
    [InlineData("goldens-families-2", "cpu*3", 14)]
    [InlineData("goldens-families-2-resaved", "cpu", 8)]
    [InlineData("goldens-families-2-resaved", "cpu*3", 8)]
    public Task RunAsync_NewerFamilies_AllPass(string set, string placement, int cases) => AllPassAsync(SharedData.Require(set), placement, cases);

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

    internal static async Task<List<CaseReport>> ReportsAsync(string folder, string placement)
    {
        var reports = new List<CaseReport>();
        await foreach (var report in GoldenVerifier.Open(folder).RunAsync(placement, CancellationToken.None))
        {
            reports.Add(report);
        }

        return reports;
    }

    private static async Task AllPassAsync(string folder, string placement, int cases, int images = 0)
    {
        var reports = await ReportsAsync(folder, placement);
        Assert.Equal(cases + images, reports.Count);
        var wrong = reports.Where(r => !r.Passed)
            .Select(r => $"{r.Name}: {r.Failure}{string.Join("; ", r.Checks.Where(c => !c.Passed).Select(c => $"{c.Quantity} {c.Error} > {c.Tolerance} {c.Detail}"))}");
        Assert.Empty(wrong);
        // A case that compared little would pass too.
        Assert.All(reports.Skip(images), r => Assert.True(r.Checks.Count >= 12, $"{r.Name} compared only {r.Checks.Count} quantities"));
    }
}
