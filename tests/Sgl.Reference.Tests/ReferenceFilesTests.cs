using Sgl.TestKit;

namespace Sgl.Reference.Tests;

public sealed class ReferenceFilesTests(ReferenceFilesTests.Pages pages) : IClassFixture<ReferenceFilesTests.Pages>
{
    [Fact]
    public async Task Build_CommittedFiles_AreCurrent()
    {
        foreach (var (name, text) in pages.Texts)
        {
            var file = Path.Combine(SharedData.RepositoryRoot, name);
            Assert.True(File.Exists(file) && await File.ReadAllTextAsync(file) == text, $"{name} is not current: {ReferenceFiles.Command}");
        }
    }

    [Theory]
    [InlineData("settings.md", "| `Router:Small:Timeout` | `00:01:00` |")]
    [InlineData("settings.md", "| `Router:Large:Timeout` | `00:02:00` |")]
    [InlineData("settings.md", "use a port from 0 to 65535")]
    [InlineData("metrics.md", "| `sgl_router_replica_failures_total` | counter | `backend`, `replica`, `kind` | router |")]
    [InlineData("metrics.md", "| `sgl_generations_total` | counter |")]
    [InlineData("errors.md", "| `OVERLOADED` | RESOURCE_EXHAUSTED: ")]
    [InlineData("limits.md", "| `Router:Large:Timeout` | 00:02:00 |")]
    public void Build_Page_SaysWhatTheServicesHave(string page, string line) => Assert.Contains(line, pages.Texts[$"docs/reference/{page}"], StringComparison.Ordinal);

    public sealed class Pages : IAsyncLifetime
    {
        public IReadOnlyDictionary<string, string> Texts { get; private set; } = new Dictionary<string, string>();

        public async Task InitializeAsync() => Texts = await ReferenceFiles.BuildAsync(SharedData.RepositoryRoot);

        public Task DisposeAsync() => Task.CompletedTask;
    }
}
