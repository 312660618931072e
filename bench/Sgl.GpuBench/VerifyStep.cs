using Sgl.Inference;
using Sgl.Models;
using Sgl.Verification;

namespace Sgl.GpuBench;

/// <summary>The golden cases that are in the repository, as <c>sgl verify</c> runs them on a GPU.</summary>
internal static class VerifyStep
{
    public static async Task RunAsync(GpuOptions options, Results results)
    {
        var folder = Path.Combine(options.Root, "tests", "Sgl.Verification.Tests", "Data", "goldens");
        (ComputeType, WeightPrecision)[] arithmetics =
        [
            (ComputeType.BFloat16, WeightPrecision.Float32), (ComputeType.Float16, WeightPrecision.Float32),
            (ComputeType.BFloat16, WeightPrecision.Int8), (ComputeType.Float16, WeightPrecision.Int4),
        ];
        foreach (var (type, weights) in arithmetics)
        {
            await foreach (var report in GoldenVerifier.Open(folder).RunAsync(new VerificationOptions { Placement = options.Device, Type = type, Weights = weights }, CancellationToken.None))
            {
                results.Add(new
                {
                    Type = type.ToString(),
                    Weights = weights.ToString(),
                    Case = report.Name,
                    report.Passed,
                    report.Failure,
                    Nearest = report.Checks.Where(c => c.Tolerance > 0).OrderByDescending(c => double.IsNaN(c.Error) ? double.MaxValue : c.Error / c.Tolerance).Take(3).Select(Line),
                    Failed = report.Checks.Where(c => !c.Passed).Select(Line),
                });
            }
        }
    }

    private static object Line(QuantityCheck check) => new { check.Quantity, check.Error, check.Tolerance, check.Detail };
}
