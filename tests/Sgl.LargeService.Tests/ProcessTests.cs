using Grpc.Net.Client;
using Sgl.Hosting;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

public sealed class ProcessTests
{
    [Fact]
    public async Task Process_AskedAndTerminated_AnswersAndEndsInOrder()
    {
        using var process = ServiceProcess.Start("Sgl.LargeService.dll", $"--Engine:Checkpoint={RunningService.DemoModel("large")}", "--Listen:Port=0");
        var line = await process.LineAsync("listens on");
        await process.LineAsync("is now SERVING");
        using var channel = GrpcChannel.ForAddress(line[line.IndexOf("http://", StringComparison.Ordinal)..].Split(';')[0]);

        var request = new Wire.LargeServiceGenerateRequest { Input = Ask("What shape is black?", Samples.Image("shapes.jpg")), Guidance = Unpruned() };
        var answer = await AnswerAsync(new Wire.LargeService.LargeServiceClient(channel), request);
        process.Terminate();

        Assert.NotEmpty(answer.Completed!.Answer);
        Assert.Equal(ServiceRunner.Success, await process.ExitAsync());
        Assert.Empty(process.Errors);
    }

    [Theory]
    [InlineData("--Engine:Placement=0-3:cpu", "0-3")]
    [InlineData("--Engine:PruneLayers:0=8", "8")]
    public async Task Process_SettingsThatDoNotFitTheCheckpoint_EndWithOneClearError(string setting, string named)
    {
        using var process = ServiceProcess.Start("Sgl.LargeService.dll", $"--Engine:Checkpoint={RunningService.DemoModel("large")}", "--Listen:Port=0", setting);

        Assert.Equal(ServiceRunner.CannotLoad, await process.ExitAsync());
        Assert.Contains(named, Assert.Single(process.Errors), StringComparison.Ordinal);
    }
}
