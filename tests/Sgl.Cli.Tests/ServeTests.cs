using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Sgl.Cli.Tests;

public partial class ServeTests
{
    private const int Terminate = 15;

    [SkippableFact]
    public async Task Serve_UntilTerminated_AnswersThenDrainsAndEndsWithZero()
    {
        Skip.If(OperatingSystem.IsWindows(), "signals are sent the POSIX way");
        using var serve = SglProcess.Start("serve", "--port", "0", "--metrics-port", "0");
        var lines = await serve.ReadToAsync("ready");
        var router = Assert.Single(lines, l => l.StartsWith("router ", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[2].TrimEnd(',');

        var asked = await SglProcess.RunAsync("ask", "What word is in the blue box?", "--image", Samples.Image("wide.png"), "--router", router);
        var bad = await SglProcess.RunAsync("ask", "q", "--image", Path.Combine(AppContext.BaseDirectory, "sgl.dll"), "--router", router);
        var again = await SglProcess.RunAsync("ask", "What word is in the blue box?", "--image", Samples.Image("wide.png"), "--router", router);
        Assert.Equal(0, Kill(serve.Id, Terminate));
        var ended = await serve.EndAsync("");

        asked.Succeeded();
        Assert.Contains("images[0].data", bad.OneError(), StringComparison.Ordinal);
        again.Succeeded();
        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("stopping", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("error: ", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("trce: ", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("dbug: ", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("GetModelInfo", ended.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "router")]
    [InlineData(1, "small")]
    [InlineData(2, "large")]
    public async Task Serve_PortInUse_IsOneErrorThatNamesThePort(int place, string service)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;

        var error = (await SglProcess.RunAsync("serve", "--port", $"{port - place}")).OneError();

        Assert.Contains($"the {service} service cannot start", error, StringComparison.Ordinal);
        Assert.Contains($":{port}: address already in use", error, StringComparison.Ordinal);
        Assert.Contains("--port", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serve_OriginThatIsNone_Refused() =>
        Assert.Contains("Router:Http:AllowedOrigins:0", (await SglProcess.RunAsync("serve", "--port", "0", "--http-port", "0", "--allow-origin", "example.org")).OneError(), StringComparison.Ordinal);

    [Fact]
    public async Task Serve_NegativeThreshold_IsOneErrorThatNamesTheSetting() =>
        Assert.Contains("Router:Policy:Threshold", (await SglProcess.RunAsync("serve", "--port", "0", "--threshold", "-1")).OneError(), StringComparison.Ordinal);

    [Fact]
    public async Task Serve_UnknownPlacement_IsOneErrorThatNamesIt() =>
        Assert.Contains("abacus", (await SglProcess.RunAsync("serve", "--port", "0", "--large-placement", "abacus")).OneError(), StringComparison.Ordinal);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
