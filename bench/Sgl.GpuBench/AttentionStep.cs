using Sgl.Inference;

namespace Sgl.GpuBench;

/// <summary>Prompts of lengths that were never seen, with the attention kernels of our default and with those the runtime would choose: its plans for cuDNN are made for each length.</summary>
internal static class AttentionStep
{
    private static readonly int[] Lengths = [611, 743, 877, 1013, 1151];

    public static async Task RunAsync(GpuOptions options, Results results)
    {
        var folder = RandomFolder.TwoB.Make(options.Cache, options.Sparse);
        foreach (var kernels in new[] { new CudaOptions().SdpaKernel, 0 })
        {
            // The runtime's own choice takes cuDNN, which the stand-in does not imitate.
            await results.TryAsync($"attention kernels {kernels}", () => MeasureAsync(folder, kernels, options, results), mayFail: kernels == 0);
        }
    }

    private static async Task MeasureAsync(string folder, int kernels, GpuOptions options, Results results)
    {
        await using var engine = await Timing.LoadAsync(folder, options, change: o => o.Cuda.SdpaKernel = kernels);
        // Everything but the length is warm.
        await Timing.RunAsync(engine, Timing.Prompt(engine, 500), Timing.Options(2));
        foreach (var length in Lengths)
        {
            var prompt = Timing.Prompt(engine, length);
            var first = await Timing.RunAsync(engine, prompt, Timing.Options(1));
            var second = await Timing.RunAsync(engine, prompt, Timing.Options(1));
            results.Add(new { SdpaKernel = kernels, Rows = length, FirstMs = first.Timings.Prefill.TotalMilliseconds, SecondMs = second.Timings.Prefill.TotalMilliseconds });
        }
    }
}
