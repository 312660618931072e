using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.TestKit.Serving;

namespace Sgl.ModelServing.Tests;

public class EngineMetricsTests
{
    [Fact]
    public async Task ObserveResult_OneGeneration_AppearsInItsCountersAndPhases()
    {
        var builder = SglHost.CreateEmbeddedBuilder(RunningService.Settings("small"), null);
        builder.AddModelServing(new ServiceSetup { Name = "probe", HealthNames = [] });
        await using var app = builder.Build();
        app.Services.GetRequiredService<EngineMetrics>().ObserveResult(new GenerationResult
        {
            Text = "",
            TokenIds = [],
            FinishReason = FinishReason.Stop,
            Usage = new GenerationUsage { PromptTokens = 70, VisualTokens = 64, KeptVisualTokens = 12, GeneratedTokens = 3, KvBytes = 1, KvLengths = [] },
            Timings = new PhaseTimings { Vision = TimeSpan.FromMilliseconds(30), Total = TimeSpan.FromMilliseconds(240) },
        });

        using var text = new MemoryStream();
        await app.Services.GetRequiredService<ServiceMetrics>().Registry.CollectAndExportAsTextAsync(text);
        var lines = Encoding.UTF8.GetString(text.ToArray()).Split('\n');

        Assert.Contains("sgl_prompt_tokens_total{service=\"probe\"} 70", lines);
        Assert.Contains("sgl_visual_tokens_total{service=\"probe\"} 64", lines);
        Assert.Contains("sgl_kept_visual_tokens_total{service=\"probe\"} 12", lines);
        Assert.Contains("sgl_generated_tokens_total{service=\"probe\"} 3", lines);
        Assert.Contains("sgl_generations_total{finish_reason=\"stop\",service=\"probe\"} 1", lines);
        Assert.Contains("sgl_e2e_request_latency_seconds_bucket{service=\"probe\",le=\"0.3\"} 1", lines);
        Assert.Contains("sgl_phase_seconds_bucket{phase=\"vision\",service=\"probe\",le=\"0.02\"} 0", lines);
        Assert.Contains("sgl_phase_seconds_bucket{phase=\"vision\",service=\"probe\",le=\"0.04\"} 1", lines);
        Assert.DoesNotContain(lines, l => l.Contains("phase=\"consistency\"", StringComparison.Ordinal));
        Assert.Contains("sgl_requests_waiting{service=\"probe\"} 0", lines);
        Assert.Contains("sgl_kv_bytes_used{service=\"probe\"} 0", lines);
    }
}
