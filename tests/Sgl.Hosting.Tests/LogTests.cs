using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Sgl.Hosting.Tests;

/// <summary>What clients send reaches no log raw.</summary>
public sealed partial class LogTests
{
    private const string Attack = "a\u001b[31mred\u0007\u0000\u007f\u0085\u009b2J\r\nfake line\tand\u2028more\u2029\u202e\u2066\u200f\ud800\U000E0041 end";

    [Theory]
    [InlineData("plain text, ünïcödé, 漢字, 😀, a\\b", null)]
    [InlineData("", null)]
    [InlineData("a\nb\r\tc", @"a\nb\r\tc")]
    [InlineData("\u001b[2J", @"\u001B[2J")]
    [InlineData("\u009b\u007f\u2028\u202e", @"\u009B\u007F\u2028\u202E")]
    [InlineData("\U000E0041", @"\U000E0041")]
    public void Escape_Text_ShowsWhatDoesNotPrint(string text, string? expected) => Assert.Equal(expected ?? text, PrintableText.Escape(text));

    [Fact]
    public void Escape_HalfASurrogatePair_IsShown() => Assert.Equal(@"x\uD800y\uDC00", PrintableText.Escape("x\ud800y\udc00"));

    [Fact]
    public async Task Log_MessageValuesScopeAndException_AllEscaped()
    {
        await using var host = await ProbeHost.StartAsync();
        var logger = host.App.Services.GetRequiredService<ILogger<LogTests>>();

        Warn(logger, new InvalidOperationException($"outer {Attack}", new IOException(Attack)), Attack);
        Warn(logger, new AggregateException(new IOException(Attack)), "plain");
        Warn(logger, null, new StringBuilder(Attack));

        var lines = host.Log.Lines.Where(l => l.StartsWith("Warning", StringComparison.Ordinal)).ToList();
        Assert.Equal(3, lines.Count);
        Assert.All(lines, l => Assert.True(PrintableText.IsPrintable(l.ReplaceLineEndings("")), PrintableText.Escape(l)));
        Assert.Contains(@"a\u001B[31mred\u0007\u0000\u007F\u0085\u009B2J\r\nfake line", lines[0], StringComparison.Ordinal);
        Assert.Contains("System.InvalidOperationException", lines[0], StringComparison.Ordinal);
        Assert.Contains("System.IO.IOException", lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_HandlerThrowsWithClientText_StackStaysAndTextIsEscaped()
    {
        await using var host = await ProbeHost.StartAsync();

        await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () => await host.Client.UnaryAsync(new ProbeRequest { Act = "echo " + Attack.Replace("\ud800", "", StringComparison.Ordinal) }));

        var line = Assert.Single(host.Log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal));
        Assert.Contains("   at Sgl.Hosting.Tests.ProbeService", line, StringComparison.Ordinal);
        Assert.True(PrintableText.IsPrintable(line.ReplaceLineEndings("")));
        Assert.Contains(@"\u001B[31mred", line, StringComparison.Ordinal);
    }

    // Raw bytes, since no client library would send them.
    [Theory]
    [InlineData("GET /\u001b[2Jx HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nx-request-id: a\u001b[31m\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: \u009b2J\r\n\r\n")]
    [InlineData("\u001b]0;title\u0007 / HTTP/1.1\r\n\r\n")]
    public async Task Log_RawBytesOnTheHttpPort_NothingRawInAnyLine(string request)
    {
        await using var host = await ProbeHost.StartAsync();
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, host.Endpoints.Metrics!.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        client.Client.Shutdown(SocketShutdown.Send);
        using var reader = new StreamReader(stream);
        await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20));

        Assert.NotEmpty(host.Log.Lines);
        Assert.All(host.Log.Lines, l => Assert.True(PrintableText.IsPrintable(l.ReplaceLineEndings("")), PrintableText.Escape(l)));
    }

    [LoggerMessage(1, LogLevel.Warning, "for {Client}")]
    private static partial void Warn(ILogger logger, Exception? exception, object client);
}
