using Sgl.Inference.Internal.Runtime;
using Sgl.Models;
using Sgl.TestKit;

namespace Sgl.Inference.Tests;

/// <summary>What plans say of weights, against what graphs ask for.</summary>
public sealed class MemoryPlanTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("auto", nameof(DecoderKind.Qwen2))]
    [InlineData("int8", nameof(DecoderKind.Qwen2))]
    [InlineData("int4", nameof(DecoderKind.Qwen2))]
    [InlineData("int4", nameof(DecoderKind.InternLm2))]
    [InlineData("int4", nameof(DecoderKind.Phi3))]
    public void For_Weights_TakesWhatTheGraphsAskFor(string weights, string decoder)
    {
        CheckpointWriter.Write(_folder.Path, new CheckpointShape { Decoder = Enum.Parse<DecoderKind>(decoder), Layers = 3, Hidden = 192, Inner = 320, Vocabulary = 512, Seed = 5 });
        using var checkpoint = Checkpoint.Open(_folder.Path, new CheckpointOptions { ImageTokenId = 3 });
        var options = new EngineOptions { Weights = weights };
        var plan = MemoryPlan.For(ModelShape.Of(checkpoint), 1, 80L << 30, options);
        Assert.Equal(BytesOfGraphs(checkpoint, options), plan.Weights);
        Assert.Equal(plan.Weights, MemoryPlan.For(ModelShape.Open(_folder.Path), 1, 80L << 30, options).Weights);
        // Cut over several GPUs it is the same, as long as every layer is somewhere.
        Assert.Equal(plan.Weights, MemoryPlan.For(ModelShape.Of(checkpoint), 3, 80L << 30, options).Weights);
    }

    [Fact]
    public void For_FewerBits_TakesLessMemoryAndRoomToUnpackAMatrix()
    {
        using var folder = new TestFolder();
        folder.Text("config.json", RealConfigs.InternVl2_26B);
        var shape = ModelShape.Open(folder.Path);
        DevicePlan Plan(string weights) => MemoryPlan.For(shape, 1, 80L << 30, new EngineOptions { Weights = weights }).Devices[0];
        var (sixteen, eight, four) = (Plan("auto"), Plan("int8"), Plan("int4"));
        // Of 25.5 billion parameters 18.7 are the layers' matrices: 2, 1.03 and 0.54 bytes each.
        var layers = 48 * ((6144L * 6144 * 2) + (2 * 8 * 128 * 6144L) + (3 * 6144L * 16384));
        Assert.Equal(sixteen.Weights - layers + (layers / 32), eight.Weights);
        Assert.InRange(four.Weights, sixteen.Weights - (1.47 * layers), sixteen.Weights - (1.45 * layers));
        Assert.Equal(2L * 16384 * 6144, four.Workspace - sixteen.Workspace);
        Assert.Equal(four.Workspace, eight.Workspace);
    }

    /// <summary>Bytes of all weights that the graphs of a whole model on a GPU ask for.</summary>
    internal static long BytesOfGraphs(Checkpoint checkpoint, EngineOptions options)
    {
        var config = checkpoint.Config.Language;
        var layers = WeightPlan.Layers(checkpoint.Decoder);
        var arithmetic = new GraphArithmetic(ComputeType.BFloat16, name =>
        {
            var matrix = checkpoint.Linear(name);
            var place = layers.Contains(name) ? LinearPlace.Layer : name == checkpoint.Decoder.Head ? LinearPlace.Head : LinearPlace.Tower;
            return DeviceFormats.Of(Enum.Parse<WeightPrecision>(options.Weights, ignoreCase: true), place, matrix.Outputs, matrix.Inputs, StoredLinear.Of(matrix));
        });
        ComputeGraph[] graphs =
        [
            VisionGraph.Build(checkpoint.Config, checkpoint.Vision, arithmetic),
            DecoderStageGraph.Build(config, checkpoint.Decoder, 0, config.Layers - 1, ImportanceOutput.None, arithmetic, rowsOnDevice: true),
            HeadGraph.BuildOnDevice(config, checkpoint.Decoder, arithmetic),
        ];
        return graphs.SelectMany(g => g.Weights).DistinctBy(w => w.Name).Sum(w => w.Shape.Aggregate(1L, (a, b) => a * b) * w.Part switch
        {
            WeightPart.Tensor or WeightPart.Joined or WeightPart.BlockScales => 2,
            WeightPart.InputOrder => sizeof(long),
            _ => 1,
        });
    }
}
