using System.Globalization;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.SmallService;

/// <summary>What the weights of a running service compute in is told alike by the engine, in the model information and in the metrics.</summary>
public sealed class WeightsTests
{
    [Fact]
    public async Task ModelInfoAndMetrics_EachKind_SayWhatIsComputedWith()
    {
        await using var exact = await SmallServer.StartAsync(("Engine:Weights", "float32"));
        await using var rounded = await SmallServer.StartAsync(("Engine:Weights", "int8"));
        var (exactBytes, roundedBytes) = (await ToldAsync(exact, "float32", "0"), await ToldAsync(rounded, "int8", rounded.Engine.Model.Weights.Bits.ToString(CultureInfo.InvariantCulture)));

        // Four bytes a parameter, but for the embedding table, which no product computes with, and the parameters that tying counts once.
        Assert.InRange(exactBytes, 2.0 * exact.Engine.Model.ParameterCount, 4.2 * exact.Engine.Model.ParameterCount);
        Assert.InRange(roundedBytes / exactBytes, 0.25, 0.6);
    }

    /// <summary>The bytes that the metrics name, after checking that all who are asked say the same.</summary>
    private static async Task<double> ToldAsync(RunningService service, string kind, string bits)
    {
        var info = await new Wire.SmallService.SmallServiceClient(service.Channel).GetModelInfoAsync(new Wire.SmallServiceGetModelInfoRequest());
        Assert.Equal(kind, info.Model.Weights);
        Assert.Equal(kind, service.Engine.Model.Weights.Kind);
        var line = Assert.Single((await service.MetricsAsync()).Split('\n'), l => l.StartsWith("sgl_weights_bytes{", StringComparison.Ordinal));
        Assert.StartsWith($"sgl_weights_bytes{{kind=\"{kind}\",bits=\"{bits}\"", line, StringComparison.Ordinal);
        var bytes = double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
        Assert.Equal(service.Engine.Model.Weights.Bytes, bytes);
        return bytes;
    }
}
