using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Grpc.Reflection.V1Alpha;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.SmallService;

/// <summary>Loading, and everything that can keep the service from it.</summary>
public sealed class StartupTests
{
    [Fact]
    public async Task Start_WhileLoading_AnswersNotReadyThenServes()
    {
        using var gate = new Gate();
        await using var small = await RunningService.StartLoadingAsync(SmallServiceHost.CreateEmbedded(RunningService.Settings("small"), progress: gate));
        var client = new Wire.SmallService.SmallServiceClient(small.Channel);
        var health = new Health.HealthClient(small.Channel);
        gate.WaitForLoading();

        Assert.Equal(HealthCheckResponse.Types.ServingStatus.NotServing, (await health.CheckAsync(new HealthCheckRequest())).Status);
        var info = await Failure.OfAsync(() => client.GetModelInfoAsync(new Wire.SmallServiceGetModelInfoRequest()).ResponseAsync);
        var answer = await Failure.OfAsync(() => SmallServer.AnswerAsync(client, SmallServer.Ask("What is this?")));

        Assert.All([info, answer], f => Assert.Equal((StatusCode.Unavailable, "NOT_READY"), (f.Code, f.Reason)));
        Assert.All([info, answer], f => Assert.True(f.RetryAfter > TimeSpan.Zero));
        Assert.Contains("loading", info.Message, StringComparison.Ordinal);

        gate.Open();
        await small.Host.Ready.WaitAsync(TimeSpan.FromMinutes(1));
        var request = new HealthCheckRequest { Service = "sgl.v1.SmallService" };
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, (await health.CheckAsync(request)).Status);
        Assert.Equal("sgl-demo-small", (await client.GetModelInfoAsync(new Wire.SmallServiceGetModelInfoRequest())).Model.Name);
        Assert.Equal(1, gate.Last.Fraction);
    }

    [Fact]
    public async Task Reflection_Services_AreListed()
    {
        using var gate = new Gate();
        await using var small = await RunningService.StartLoadingAsync(SmallServiceHost.CreateEmbedded(RunningService.Settings("small"), progress: gate));
        using var call = new ServerReflection.ServerReflectionClient(small.Channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));

        var names = call.ResponseStream.Current.ListServicesResponse.Service.Select(s => s.Name).ToList();
        Assert.Contains("sgl.v1.SmallService", names);
        Assert.Contains("grpc.health.v1.Health", names);
        gate.Open();
    }

    public static TheoryData<string, string[]> BrokenModels => new()
    {
        { "weights", ["safetensors"] },
        { "shard", ["model-00002-of-00002.safetensors"] },
        { "architecture", ["config.json", "model_type", "mystery_chat"] },
        { "shape", ["language_model", "expected", "found"] },
        { "tokenizer", ["tokenizer.json", "tokenizer.model", "expected", "found"] },
    };

    [Theory]
    [MemberData(nameof(BrokenModels))]
    public async Task Start_BrokenCheckpoint_StopsWithOneClearError(string kind, string[] named)
    {
        using var model = new BrokenModel("small");
        switch (kind)
        {
            case "weights":
                model.Delete("model.safetensors");
                break;
            case "shard":
                model.Delete("model.safetensors");
                File.WriteAllText(
                    Path.Combine(model.Folder, "model.safetensors.index.json"),
                    """{"metadata":{"total_size":1},"weight_map":{"language_model.output.weight":"model-00002-of-00002.safetensors"}}""");
                break;
            case "tokenizer":
                model.Delete("tokenizer.model");
                model.Delete("tokenizer_config.json");
                model.Delete("added_tokens.json");
                break;
            case "architecture":
                model.EditConfig(c => c["model_type"] = "mystery_chat");
                break;
            default:
                model.EditConfig(c => c["llm_config"]!["intermediate_size"] = 300);
                break;
        }

        using var process = ServiceProcess.Start("Sgl.SmallService.dll", $"--Engine:Checkpoint={model.Folder}", "--Listen:Port=0");

        Assert.Equal(ServiceRunner.CannotLoad, await process.ExitAsync());
        var error = Assert.Single(process.Errors);
        Assert.All(named, n => Assert.Contains(n, error, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WrongSettings_ListsThemAll()
    {
        using var process = ServiceProcess.Start("Sgl.SmallService.dll", "--Engine:Checkpoint=/nowhere", "--Engine:MaxBatch=0", "--Requests:MaxImageBytes=0", "--Engine:Treads=2");

        Assert.Equal(ServiceRunner.BadSettings, await process.ExitAsync());
        Assert.Contains(process.Errors, e => e.Contains("Engine:Checkpoint", StringComparison.Ordinal) && e.Contains("/nowhere", StringComparison.Ordinal));
        Assert.Contains(process.Errors, e => e.Contains("Engine:MaxBatch", StringComparison.Ordinal));
        Assert.Contains(process.Errors, e => e.Contains("Requests:MaxImageBytes", StringComparison.Ordinal));
        Assert.Contains(process.Errors, e => e.Contains("Engine:Treads", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Start_PortInUse_SaysWhichAndWhatToDo()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;

        using var process = ServiceProcess.Start("Sgl.SmallService.dll", $"--Engine:Checkpoint={RunningService.DemoModel("small")}", $"--Listen:Port={port}");

        Assert.Equal(ServiceRunner.CannotListen, await process.ExitAsync());
        Assert.Contains($"{port}", Assert.Single(process.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Process_AskedAndTerminated_AnswersAndEndsInOrder()
    {
        using var process = ServiceProcess.Start("Sgl.SmallService.dll", $"--Engine:Checkpoint={RunningService.DemoModel("small")}", "--Listen:Port=0");
        var line = await process.LineAsync("listens on");
        await process.LineAsync("is now SERVING");
        var address = line[line.IndexOf("http://", StringComparison.Ordinal)..].Split(';')[0];
        using var channel = GrpcChannel.ForAddress(address);

        var answer = await SmallServer.AnswerAsync(new Wire.SmallService.SmallServiceClient(channel), SmallServer.Ask("What shape is black?", Samples.Image("shapes.jpg")));
        process.Terminate();

        Assert.NotEmpty(answer.Completed.Answer);
        Assert.Equal(ServiceRunner.Success, await process.ExitAsync());
        Assert.Empty(process.Errors);
    }

    /// <summary>Holds up the loading until it is opened.</summary>
    private sealed class Gate : IProgress<LoadProgress>, IDisposable
    {
        private readonly ManualResetEventSlim _open = new();
        private readonly ManualResetEventSlim _reached = new();

        public LoadProgress Last { get; private set; }

        public void Report(LoadProgress value)
        {
            Last = value;
            _reached.Set();
            _open.Wait();
        }

        public void WaitForLoading() => Assert.True(_reached.Wait(TimeSpan.FromSeconds(30)));

        public void Open() => _open.Set();

        public void Dispose()
        {
            _open.Set();
            _open.Dispose();
            _reached.Dispose();
        }
    }
}
