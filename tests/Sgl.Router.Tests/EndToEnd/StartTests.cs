using Sgl.Hosting;
using Sgl.TestKit.Serving;

namespace Sgl.Router.Tests;

/// <summary>What an operator is told who starts a service the wrong way; all three alike.</summary>
public sealed class StartTests
{
    public static TheoryData<string> Services => ["Sgl.Router.dll", "Sgl.SmallService.dll", "Sgl.LargeService.dll"];

    [Theory]
    [MemberData(nameof(Services))]
    public async Task Process_Help_ListsEverySettingAndStartsNothing(string service)
    {
        using var process = ServiceProcess.Start(service, "--Listen:Port=notaport", "--help");

        Assert.Equal(ServiceRunner.Success, await process.ExitAsync());
        Assert.Empty(process.Errors);
        Assert.Contains(process.Output, l => l.StartsWith("--Listen:MaxReceiveMessageBytes NUMBER   (default 67108864)", StringComparison.Ordinal));
        Assert.Contains(process.Output, l => l.Contains("Longest request message in bytes", StringComparison.Ordinal));
        var own = service == "Sgl.Router.dll" ? "--Router:Large:Address" : "--Engine:Checkpoint";
        Assert.Contains(process.Output, l => l.StartsWith(own, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task Process_MistakesOnTheCommandLine_AllNamedWithWhatWasMeant(string service)
    {
        using var process = ServiceProcess.Start(
            service, "--Lisen:Port", "5", "--Port=6", "stray", "-p", "7", "--Listen:Prot=8", "/Nonsense:At:All=9", "--Logging:LogLevel:Default=Warning", "--Listen:MetricsPort");

        Assert.Equal(ServiceRunner.BadSettings, await process.ExitAsync());
        Assert.DoesNotContain(process.Errors, e => e.Contains("   at ", StringComparison.Ordinal));
        Has("--Lisen:Port is in no section", "did you mean --Listen:Port?");
        Has("--Port is in no section", "did you mean --Listen:Port?");
        Has("'stray' on the command line is no setting", "--help");
        Has("'-p' on the command line is no setting", "--help");
        Has("Listen:Prot is not a setting", "did you mean Listen:Port?");
        Has("/Nonsense:At:All is in no section", "Listen");
        Has("--Listen:MetricsPort has no value", "VALUE");
        Assert.DoesNotContain(process.Errors, e => e.Contains("Logging", StringComparison.Ordinal));

        void Has(string start, string remedy) => Assert.Contains(
            process.Errors, e => e.StartsWith($"error: {start}", StringComparison.Ordinal) && e.Contains(remedy, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task Process_UnknownSectionInTheEnvironment_NamedAsTheVariable(string service)
    {
        var environment = new Dictionary<string, string>
        {
            ["SGL_Enigne__Checkpoint"] = "x",
            ["SGL_Lisen__Port"] = "1",
            ["SGL_Router__Policy__Threshold"] = "0.5", // another service's, or the router's own
            ["SGL_ROUTER_PORT"] = "tcp://10.0.0.1:5100", // an orchestrator's
        };
        using var process = ServiceProcess.Start(service, environment, "--Listen:Port=0");

        Assert.Equal(ServiceRunner.BadSettings, await process.ExitAsync());
        var unknown = process.Errors.Where(e => e.Contains("is in no section", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, unknown.Count);
        Assert.StartsWith("error: SGL_Enigne__Checkpoint is in no section", unknown[0], StringComparison.Ordinal);
        Assert.EndsWith("did you mean SGL_Listen__Port?", unknown[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\n  \"Listen\": {\n    \"Port\": 1,,\n  }\n}", ", line 3, column 15: this is not valid JSON")]
    [InlineData("", "this is not valid JSON")]
    [InlineData("[]", "cannot be used as settings: ")]
    [InlineData("{\"Listen\":{\"Port\":1},\"listen:port\":2}", "cannot be used as settings: A duplicate key")]
    [InlineData("{\"Lisen\":{\"Port\":1}}", ".json: Lisen is in no section of the")]
    public async Task Process_BrokenSettingsFile_OneSentenceWithThePlace(string text, string expected)
    {
        foreach (var service in new[] { "Sgl.Router.dll", "Sgl.SmallService.dll", "Sgl.LargeService.dll" })
        {
            var name = $"broken{Guid.NewGuid():N}";
            var file = Path.Combine(AppContext.BaseDirectory, $"appsettings.{name}.json");
            await File.WriteAllTextAsync(file, text);
            try
            {
                using var process = ServiceProcess.Start(service, "--environment", name, "--Listen:Port=0");

                Assert.Equal(ServiceRunner.BadSettings, await process.ExitAsync());
                var line = Assert.Single(process.Errors, e => e.Contains(name, StringComparison.Ordinal));
                Assert.Contains(expected, line, StringComparison.Ordinal);
                Assert.DoesNotContain(process.Errors, e => e.Contains("   at ", StringComparison.Ordinal) || e.Contains("Exception", StringComparison.Ordinal));
            }
            finally
            {
                File.Delete(file);
            }
        }
    }
}
