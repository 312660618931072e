using System.Text.RegularExpressions;
using System.Xml.Linq;
using Sgl.TestKit;

namespace Sgl.Reference.Tests;

/// <summary>Projects know of each other what docs/architecture.md allows, and nothing goes around it.</summary>
public sealed partial class ArchitectureTests
{
    private const string AspNet = "Microsoft.AspNetCore.App";

    private static readonly Dictionary<string, XElement> Projects = Files("src").ToDictionary(f => Path.GetFileNameWithoutExtension(f), XElement.Load);

    private static readonly Dictionary<string, string[]> Allowed = Row()
        .Matches(File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "docs", "architecture.md")))
        .ToDictionary(m => m.Groups[1].Value, m => Name().Matches(m.Groups[2].Value).Select(n => n.Groups[1].Value).ToArray());

    [Fact]
    public void References_OfEveryProject_AreThoseOfTheTable()
    {
        Assert.Equal(Projects.Keys.Order(StringComparer.Ordinal), Allowed.Keys.Order(StringComparer.Ordinal));
        Assert.All(Projects, p => Assert.Equal(Allowed[p.Key], References(p.Value).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void AspNet_BelowHosting_IsNotKnown()
    {
        var allowed = Projects.Keys.Where(p => p == "Sgl.Hosting" || Reached(p).Contains("Sgl.Hosting")).ToHashSet();

        Assert.Contains("Sgl.Router", allowed);
        Assert.DoesNotContain("Sgl.Inference", allowed);
        Assert.All(Projects.Where(p => !allowed.Contains(p.Key)), p =>
        {
            Assert.DoesNotContain(p.Value.Descendants("FrameworkReference"), r => (string?)r.Attribute("Include") == AspNet);
            Assert.NotEqual("Microsoft.NET.Sdk.Web", (string?)p.Value.Attribute("Sdk"));
        });
    }

    [Fact]
    public void SourceFiles_OfEveryProject_AreItsOwn() =>
        Assert.All(new[] { "src", "tests", "bench", "tools", "fuzz" }.SelectMany(Files), file => Assert.DoesNotContain(
            XElement.Load(file).Descendants("Compile"), c => ((string?)c.Attribute("Include"))?.Contains("..", StringComparison.Ordinal) == true));

    [Fact]
    public void Targets_OfTheRepository_AreInOnePlace() =>
        Assert.All(new[] { "src", "tests", "bench", "tools", "fuzz" }.SelectMany(Files), file => Assert.Empty(XElement.Load(file).Descendants("Target")));

    [Fact]
    public void Solution_EveryProject_IsInIt()
    {
        var solution = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "Sgl.sln")).Replace('\\', '/');

        // The peers have packages that nothing else shall need.
        Assert.All(new[] { "src", "tests", "bench", "tools", "fuzz" }.SelectMany(Files).Where(f => Path.GetFileNameWithoutExtension(f) != "Sgl.Peers"), file =>
            Assert.Contains($"\"{Path.GetRelativePath(SharedData.RepositoryRoot, file).Replace('\\', '/')}\"", solution, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Files(string folder) =>
        Directory.EnumerateFiles(Path.Combine(SharedData.RepositoryRoot, folder), "*.csproj", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 });

    private static IEnumerable<string> References(XElement project) =>
        project.Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value));

    private static HashSet<string> Reached(string project)
    {
        var reached = new HashSet<string>();
        var next = new Stack<string>(References(Projects[project]));
        while (next.TryPop(out var name))
        {
            if (reached.Add(name))
            {
                References(Projects[name]).ToList().ForEach(next.Push);
            }
        }

        return reached;
    }

    [GeneratedRegex(@"^\| `(Sgl\.\w+)` \|[^|]*\|([^|]*)\|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"`(Sgl\.\w+)`")]
    private static partial Regex Name();
}
