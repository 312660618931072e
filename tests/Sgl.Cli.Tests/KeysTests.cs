using Sgl.Access;

namespace Sgl.Cli.Tests;

public sealed class KeysTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sgl-keys").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task New_WithFile_PrintsTheKeyAloneAndStoresItsHash()
    {
        var file = Path.Combine(_folder, "keys.json");

        var run = (await SglProcess.RunAsync("keys", "new", "alice", "--file", file, "--requests", "60", "--routes", "auto", "small", "--days", "30")).Succeeded();

        var key = run.Output.Trim();
        Assert.Matches("^sgl_[A-Za-z0-9_-]{43}$", key);
        var text = await File.ReadAllTextAsync(file);
        Assert.Contains(ApiKey.Hash(key), text, StringComparison.Ordinal);
        Assert.Contains("\"requestsPerMinute\": 60", text, StringComparison.Ordinal);
        Assert.DoesNotContain(key, text + run.Error, StringComparison.Ordinal);

        var twice = await SglProcess.RunAsync("keys", "new", "alice", "--file", file);
        Assert.Contains("another key's", twice.OneError(2), StringComparison.Ordinal);
        Assert.Empty(twice.Output);
    }

    [Theory]
    [InlineData("key:Name is no name", "keys", "new", "a b")]
    [InlineData("key:RequestsPerMinute is 0", "keys", "new", "a", "--requests", "0")]
    [InlineData("--file is empty", "keys", "new", "a", "--file", "")]
    public async Task New_WrongUsage_NoKeyIsMade(string message, params string[] arguments)
    {
        var run = await SglProcess.RunAsync(arguments);

        Assert.Contains(message, run.OneError(2), StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task Serve_BeyondThisMachineWithoutKeys_SaysHow()
    {
        var run = await SglProcess.RunAsync("serve", "--address", "*", "--port", "0");

        Assert.Contains("Router:Anonymous", run.OneError(), StringComparison.Ordinal);
    }
}
