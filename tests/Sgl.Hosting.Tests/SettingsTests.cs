using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace Sgl.Hosting.Tests;

public sealed class SettingsTests
{
    [Fact]
    public async Task Start_ManyMistakes_AllReportedAtOnceWithKeyAndRemedy()
    {
        var (code, lines) = await RunAsync(
            ("Listen:Address", "not an address"),
            ("Listen:Port", "70000"),
            ("Listen:MetricsPort", "abc"),
            ("Listen:HttpPort", "81"),
            ("Listen:Prot", "5000"),
            ("Listen:DrainTimeout", "-00:00:01"),
            ("Listen:MaxStreamsPerConnection", "0"),
            ("Listen:Tls:CertificatePath", "/no/such/file.pem"));

        Assert.Equal(ServiceRunner.BadSettings, code);
        Assert.Equal(9, lines.Count);
        Assert.Contains("error: Listen:Address is 'not an address'; use an IP address, localhost, or * for all addresses.", lines);
        Assert.Contains("error: Listen:Port is 70000; use a port from 0 to 65535 (0 lets the system choose).", lines);
        Assert.Contains(lines, l => l.StartsWith("error: Listen:MetricsPort is 'abc', which cannot be read", StringComparison.Ordinal));
        Assert.Contains("error: Listen:Prot is not a setting; did you mean Listen:Port?", lines);
        Assert.Contains(lines, l => l.StartsWith("error: Listen:DrainTimeout is -00:00:01", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("error: Listen:MaxStreamsPerConnection is 0", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("error: Listen:HttpPort is set, but the probe service has no HTTP API", StringComparison.Ordinal));
        Assert.Contains("error: Listen:Tls:KeyPath and Tls:CertificatePath belong together; set both for TLS, neither for h2c.", lines);
        Assert.Contains("error: Listen:Tls:CertificatePath is '/no/such/file.pem', which does not exist; give the path of a PEM file.", lines);
    }

    [Fact]
    public async Task Start_TwoPortsEqual_Refused()
    {
        var (code, lines) = await RunAsync(("Listen:Port", "41234"), ("Listen:MetricsPort", "41234"));

        Assert.Equal(ServiceRunner.BadSettings, code);
        Assert.Equal("error: Listen:Port is equal to another port of this service; give each its own port.", Assert.Single(lines));
    }

    [Fact]
    public async Task Start_CertificateIsNoCertificate_Refused()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "this is text");

        var (code, lines) = await RunAsync(("Listen:Tls:CertificatePath", file), ("Listen:Tls:KeyPath", file), ("Listen:Tls:ClientCaPath", file));

        File.Delete(file);
        Assert.Equal(ServiceRunner.BadSettings, code);
        Assert.Equal(2, lines.Count);
        Assert.StartsWith("error: Listen:Tls:CertificatePath and Tls:KeyPath cannot be used together:", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("error: Listen:Tls:ClientCaPath cannot be used: the file holds no certificate", lines[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Listen:Port")]
    [InlineData("Listen:MetricsPort")]
    public async Task Start_PortInUse_OneClearLineAndItsExitCode(string key)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;

        var (code, lines) = await RunAsync((key, $"{port}"));

        Assert.Equal(ServiceRunner.CannotListen, code);
        var line = Assert.Single(lines);
        Assert.Contains($"{port}", line, StringComparison.Ordinal);
        Assert.Contains("another process has this port", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_AddressOfAnotherMachine_OneClearLine()
    {
        var (code, lines) = await RunAsync(("Listen:Address", "203.0.113.7"));

        Assert.Equal(ServiceRunner.CannotListen, code);
        Assert.Contains("Check Listen:Address", Assert.Single(lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Explain_StartupException_MessageOnly()
    {
        var (code, lines) = ServiceRunner.Explain(new StartupException("model.safetensors is missing", new IOException("inner")));

        Assert.Equal(ServiceRunner.CannotLoad, code);
        Assert.Equal("model.safetensors is missing", Assert.Single(lines));
    }

    [Fact]
    public void Explain_SeveralSections_ErrorsOfAllOfThem()
    {
        var (code, lines) = ServiceRunner.Explain(new AggregateException(
            new OptionsValidationException("a", typeof(string), ["one", "two"]), new OptionsValidationException("b", typeof(string), ["three"])));

        Assert.Equal(ServiceRunner.BadSettings, code);
        Assert.Equal(["one", "two", "three"], lines);
    }

    private static async Task<(int Code, List<string> Lines)> RunAsync(params (string, string)[] settings)
    {
        using var log = new ProbeLog();
        using var output = new StringWriter();
        var code = await ServiceRunner.RunAsync(() => ProbeHost.Build(log, null, settings), output).WaitAsync(TimeSpan.FromSeconds(30));
        return (code, [.. output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)]);
    }
}
