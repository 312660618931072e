using System.Diagnostics;
using Grpc.Core;
using Sgl.V1;

namespace Sgl.LoadTest;

/// <summary>Inputs that nobody sends guidance for, and calls that send nothing at all. Goals: few are held, for a short time, and guided ones are answered beside them.</summary>
internal sealed class UnguidedScenario : IScenario
{
    private const int Inputs = 200;

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    public string Name => "unguided";

    public string Summary => "200 inputs without guidance at the large service, and 200 calls that send nothing";

    public async Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken)
    {
        await using var large = await ServiceProcess.StartAsync(
            "large", [$"Engine:Checkpoint={options.Large}", $"Guidance:Timeout={Longest}", $"Calls:ReadTimeout={Longest}"], wait: true, cancellationToken);
        var before = large.Memory;
        var client = new V1.LargeService.LargeServiceClient(large.Channel);
        var pictures = Pictures.Distinct(Inputs, options.Seed);
        var started = Stopwatch.GetTimestamp();
        var silent = Enumerable.Range(0, Inputs).Select(_ => EndAsync(client.Generate(cancellationToken: cancellationToken), null)).ToList();
        var inputs = Enumerable.Range(0, Inputs).Select(i => EndAsync(client.Generate(cancellationToken: cancellationToken), Input(i))).ToList();
        await Task.Delay(Longest / 2, cancellationToken);
        section.Expect("inputs held without guidance", await large.MetricAsync("sgl_inputs_without_guidance", cancellationToken), most: 32);
        section.Note("requests waiting, as the metrics say", await large.MetricAsync("sgl_requests_waiting", cancellationToken));
        section.Note("memory over rest meanwhile, MiB", (large.Memory - before) >> 20);
        var guided = await EndAsync(client.Generate(cancellationToken: cancellationToken), Input(0, new V1.Guidance { Unpruned = new Unpruned() }));
        section.Expect("a guided one beside them is answered", guided == StatusCode.OK ? 1 : 0, least: 1);
        var codes = await Task.WhenAll(inputs);
        section.Note("inputs refused", codes.Count(c => c == StatusCode.ResourceExhausted));
        section.Note("inputs ended by the timeout", codes.Count(c => c == StatusCode.DeadlineExceeded));
        section.Expect("silent calls ended", (await Task.WhenAll(silent)).Count(c => c == StatusCode.DeadlineExceeded), least: Inputs);
        section.Expect("seconds until all had ended", Stopwatch.GetElapsedTime(started).TotalSeconds, most: Longest.TotalSeconds * 4);
        section.Expect("requests waiting in the end", await large.MetricAsync("sgl_requests_waiting", cancellationToken), most: 0);

        LargeServiceGenerateRequest Input(int i, V1.Guidance? guidance = null)
        {
            var input = new LargeInput();
            input.Images.Add(new V1.Image { Data = pictures[i] });
            input.Messages.Add(new ChatMessage { Role = ChatRole.User, Parts = { new ChatPart { Text = "What shape is black?" } } });
            return new LargeServiceGenerateRequest { Input = input, Guidance = guidance };
        }
    }

    private static async Task<StatusCode> EndAsync(AsyncDuplexStreamingCall<LargeServiceGenerateRequest, LargeServiceGenerateResponse> call, LargeServiceGenerateRequest? message)
    {
        using (call)
        {
            try
            {
                if (message is not null)
                {
                    await call.RequestStream.WriteAsync(message);
                }
            }
            catch (Exception e) when (e is RpcException or InvalidOperationException)
            {
                // How it ended, the answer tells.
            }

            try
            {
                await foreach (var _ in call.ResponseStream.ReadAllAsync())
                {
                }

                return StatusCode.OK;
            }
            catch (RpcException e)
            {
                return e.StatusCode;
            }
        }
    }
}
