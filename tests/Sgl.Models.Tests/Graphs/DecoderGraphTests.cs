using Sgl.Models.Tests.Checkpoints;

namespace Sgl.Models.Tests.Graphs;

/// <summary>Graphs of every decoder layout: which weights they ask for, and that none is inside.</summary>
public class DecoderGraphTests
{
    public static TheoryData<DecoderArchitecture> Decoders =>
        [DecoderArchitecture.InternLm2, DecoderArchitecture.Qwen2, DecoderArchitecture.Llama, DecoderArchitecture.Phi3];

    [Theory]
    [MemberData(nameof(Decoders))]
    public void Build_AllGraphs_UseEveryTensorOnceWithItsOwnSize(DecoderArchitecture architecture)
    {
        using var folder = new TinyFolder().Use(architecture).Write();
        using var checkpoint = folder.Open();
        var config = checkpoint.Config.Language;
        List<ComputeGraph> graphs =
        [
            VisionGraph.Build(checkpoint.Config, checkpoint.Vision, ComputeType.Float32),
            .. Enumerable.Range(0, config.Layers).Select(l => DecoderStageGraph.Build(config, checkpoint.Decoder, l, l, ImportanceOutput.ChosenRows, ComputeType.Float32)),
            HeadGraph.Build(config, checkpoint.Decoder, ComputeType.Float32),
        ];
        var bound = graphs.SelectMany(g => g.Weights).ToList();
        Assert.Equal(
            checkpoint.Weights.Names.Except([checkpoint.Decoder.Embedding]).Order(StringComparer.Ordinal), bound.Select(w => w.Name).Order(StringComparer.Ordinal));
        Assert.All(bound, w => Assert.Equal(checkpoint.Weights[w.Name].ElementCount, w.Shape.Aggregate(1L, (a, b) => a * b)));
    }

    [Theory]
    [MemberData(nameof(Decoders))]
    public void Build_StagesOfAnyCut_AskForTheSameWeights(DecoderArchitecture architecture)
    {
        using var folder = new TinyFolder().Use(architecture).Write();
        using var checkpoint = folder.Open();
        var config = checkpoint.Config.Language;
        ComputeGraph Stage(int first, int last, ImportanceOutput importance) => DecoderStageGraph.Build(config, checkpoint.Decoder, first, last, importance, ComputeType.Float32);
        string[] Names(params ComputeGraph[] graphs) => [.. graphs.SelectMany(g => g.Weights).Select(w => w.Name).Order(StringComparer.Ordinal)];
        var expected = Names(Stage(0, 1, ImportanceOutput.None));
        Assert.Equal(expected, Names(Stage(0, 0, ImportanceOutput.DecodeRow), Stage(1, 1, ImportanceOutput.ChosenRows)));
        Assert.Equal(expected, Names(Stage(0, 1, ImportanceOutput.ChosenRows)));
        Assert.Equal(expected, Names(Stage(0, 1, ImportanceOutput.DecodeRow)));
    }

    [Theory]
    [InlineData(ComputeType.Float32)]
    [InlineData(ComputeType.Float16)]
    [InlineData(ComputeType.BFloat16)]
    public void ToBytes_AnyComputeType_HoldsNoWeights(ComputeType type)
    {
        using var folder = new TinyFolder().Write();
        using var checkpoint = folder.Open();
        var config = checkpoint.Config.Language;
        var bytes = DecoderStageGraph.Build(config, checkpoint.Decoder, 0, 1, ImportanceOutput.ChosenRows, type).ToBytes();
        // A wider model of the same depth has a graph of the same size: only names and numbers of shapes are in it.
        var wide = DecoderStageGraph.Build(config with { IntermediateSize = 100 * config.IntermediateSize }, checkpoint.Decoder, 0, 1, ImportanceOutput.ChosenRows, type).ToBytes();
        Assert.InRange(wide.Length - bytes.Length, 0, 200);
    }

    [Theory]
    [InlineData(ComputeType.Float32, true)]
    [InlineData(ComputeType.BFloat16, false)]
    public void Build_HeadsThatAreFilledUp_PadInFloat32Alone(ComputeType type, bool pads)
    {
        using var folder = new TinyFolder().Write();
        using var checkpoint = folder.Open();
        var config = checkpoint.Config.Language with { HeadDim = 10 };
        var graph = DecoderStageGraph.Build(config, checkpoint.Decoder, 0, 0, ImportanceOutput.None, type);
        Assert.Equal(pads, System.Text.Encoding.Latin1.GetString(graph.ToBytes()).Contains("Pad_", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(16, 16)]
    [InlineData(12, 16)]
    [InlineData(10, 16)]
    [InlineData(80, 80)]
    public void CacheHeadDim_AnyWidth_IsTheNextMultipleOfEight(int headDim, int expected)
    {
        using var folder = new TinyFolder().Write();
        using var checkpoint = folder.Open();
        Assert.Equal(expected, DecoderStageGraph.CacheHeadDim(checkpoint.Config.Language with { HeadDim = headDim }));
    }
}
