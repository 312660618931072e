using System.Text.RegularExpressions;
using Sgl.TestKit;

namespace Sgl.Reference.Tests;

/// <summary>What documents say of the repository is so.</summary>
public sealed partial class DocsTests
{
    [Fact]
    public void Alerts_EachOfThem_HasASectionOfTheRunbookAndLinksToIt()
    {
        var rules = Read("deploy/prometheus/rules.yml");
        var alerts = Alert().Matches(rules).Select(m => m.Groups[1].Value).ToList();
        var sections = Section().Matches(Read("docs/runbook.md")).Select(m => m.Groups[1].Value).ToList();

        Assert.NotEmpty(alerts);
        Assert.Equal(alerts, sections);
        Assert.All(alerts, a => Assert.Contains($"docs/runbook.md#{a.ToLowerInvariant()}\n", rules, StringComparison.Ordinal));
    }

    [Fact]
    public void PaperToCode_EveryFileItNames_Exists()
    {
        var files = SourceFile().Matches(Read("docs/paper-to-code.md")).Select(m => m.Groups[1].Value).Distinct().ToList();

        Assert.NotEmpty(files);
        Assert.All(files, f => Assert.True(File.Exists(Path.Combine(SharedData.RepositoryRoot, f)), $"docs/paper-to-code.md names {f}, which does not exist"));
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_LinksIntoTheRepository_LeadToFiles(string page)
    {
        var folder = Path.GetDirectoryName(Path.Combine(SharedData.RepositoryRoot, page))!;
        var links = Link().Matches(Read(page)).Select(m => m.Groups[1].Value.Split('#')[0]).Where(l => l.Length > 0 && !l.Contains("://", StringComparison.Ordinal) && !l.StartsWith("mailto:", StringComparison.Ordinal));

        Assert.All(links, l => Assert.True(Path.Exists(Path.GetFullPath(Path.Combine(folder, l))), $"{page} links to {l}, which does not exist"));
    }

    [Theory]
    [InlineData("docs/tuning.md")]
    [InlineData("docs/sizing.md")]
    [InlineData("docs/runbook.md")]
    [InlineData("docs/threat-model.md")]
    [InlineData("deploy/README.md")]
    public void Page_SettingsAndMetricsItNames_AreThoseOfTheReference(string page)
    {
        var text = Read(page);
        var settings = Read("docs/reference/settings.md").Replace(":0", string.Empty, StringComparison.Ordinal);
        var metrics = Read("docs/reference/metrics.md");

        Assert.All(Setting().Matches(text).Select(m => m.Groups[1].Value.Replace(":0", string.Empty, StringComparison.Ordinal)), s =>
            Assert.Matches($"`{Regex.Escape(s)}(:[A-Za-z:]+)?`", settings));
        Assert.All(Metric().Matches(text).Select(m => m.Value), m =>
            Assert.Contains($"`{m}`", metrics, StringComparison.Ordinal));
    }

    public static TheoryData<string> Pages() => [.. new[] { "docs", "deploy" }
        .SelectMany(f => Directory.EnumerateFiles(Path.Combine(SharedData.RepositoryRoot, f), "*.md", SearchOption.AllDirectories))
        .Concat(Directory.EnumerateFiles(SharedData.RepositoryRoot, "*.md"))
        .Select(f => Path.GetRelativePath(SharedData.RepositoryRoot, f))
        .Order(StringComparer.Ordinal)];

    private static string Read(string file) => File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, file));

    [GeneratedRegex(@"- alert: (\w+)")]
    private static partial Regex Alert();

    [GeneratedRegex(@"^## (\w+)$", RegexOptions.Multiline)]
    private static partial Regex Section();

    [GeneratedRegex(@"`((?:src|tools|bench|tests)/[\w./]+\.cs)`")]
    private static partial Regex SourceFile();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    /// <summary>A key in code marks, of a section that services read.</summary>
    [GeneratedRegex(@"`((?:Access|Calls|Engine|Guidance|Listen|Requests|Router|Tenants)(?::\w+)+)(?:=\w+)?`")]
    private static partial Regex Setting();

    [GeneratedRegex(@"\bsgl_[a-z_]+[a-z]\b")]
    private static partial Regex Metric();
}
