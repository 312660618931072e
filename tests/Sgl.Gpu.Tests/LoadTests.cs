using System.Diagnostics;
using Sgl.Gpu.Tests.Support;
using Sgl.TestKit;

namespace Sgl.Gpu.Tests;

/// <summary>What loading takes on the cards and on the system, and what it says where it cannot be.</summary>
public sealed class LoadTests
{
    private const double Gib = 1L << 30;

    [SkippableTheory]
    [InlineData("InternVL2-26B", "cuda", 1, 0.95)]
    [InlineData("InternVL2-76B", "cuda*2", 2, 0.95)]
    [InlineData("InternVL2-76B", "0-19:cuda:0,20-39:cuda:1,40-59:cuda:2,60-79:cuda:3", 4, 0.95)]
    [InlineData("InternVL2-2B", "cuda", 1, 0.57, "int8")]
    [InlineData("InternVL2-2B", "cuda", 1, 0.40, "int4")]
    [InlineData("Qwen2-VL-2B", "cuda*2", 2, 0.50, "int4")]
    public async Task LoadAsync_TrueShape_CardsHoldTheWeightsOnceAndLittleElse(string name, string placement, int cards, double shareOfFiles, string bits = "auto")
    {
        Standin.Require(cards);
        using var folder = Shapes.Folder(name);
        Standin.Reset();
        var before = Enumerable.Range(0, cards).Select(c => Standin.Of(c).Used).ToArray();
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, placement, weights: bits));
        long taken = 0, copied = 0;
        for (var card = 0; card < cards; card++)
        {
            taken += Standin.Of(card).Used - before[card];
            copied += Standin.Of(card).BytesToDevice;
            Assert.True(Standin.Of(card).Used > 0);
        }

        var weights = engine.Model.Weights.Bytes;
        // The embedding table is read row by row on the system's side; the head is its own matrix in both.
        var files = new DirectoryInfo(folder.Path).EnumerateFiles("*.safetensors").Sum(f => f.Length);
        Assert.InRange(weights, shareOfFiles * files, bits == "auto" ? double.MaxValue : 1.1 * shareOfFiles * files);
        Assert.InRange(taken, weights, 1.05 * weights);
        Assert.InRange(copied, weights, 1.01 * weights);
    }

    /// <summary>Their heads are filled up to a multiple of 8, for which bfloat16 has no operator of its own.</summary>
    [SkippableTheory]
    [InlineData("sgl-demo-small", "bfloat16")]
    [InlineData("sgl-demo-large", "bfloat16")]
    [InlineData("sgl-demo-large", "float16")]
    public async Task LoadAsync_DemoPair_LoadsInEitherType(string name, string type)
    {
        Standin.Require();
        var options = new EngineOptions { Checkpoint = Repository.Path("models", name), Placement = "cuda" };
        options.Cuda.ComputeType = type;
        await using var engine = await VlmEngine.LoadAsync(options);
        Assert.Equal(type, engine.Model.Weights.Kind);
    }

    [SkippableTheory]
    [InlineData("auto")]
    [InlineData("int4")]
    public async Task LoadAsync_PlainGraphsAndThoseWithImportance_ShareTheWeights(string bits)
    {
        Standin.Require();
        using var folder = Shapes.Folder("InternVL2-2B");
        Standin.Reset();
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, "cuda", importance: true, bits));
        var weights = engine.Model.Weights.Bytes;
        Assert.InRange(Standin.Of(0).BytesToDevice, weights, 1.01 * weights);
    }

    [SkippableFact]
    public async Task LoadAsync_WeightsOnACard_LeaveNoCopyInTheSystemsMemory()
    {
        Standin.Require();
        using var folder = Shapes.Folder("InternVL2-26B");
        using var process = Process.GetCurrentProcess();
        await using var engine = await VlmEngine.LoadAsync(Shapes.Options(folder, "cuda"));
        process.Refresh();
        Assert.InRange(process.WorkingSet64, 0, (long)(4 * Gib));
        Assert.InRange(engine.Model.Weights.Bytes, (long)(45 * Gib), long.MaxValue);
    }

    [SkippableFact]
    public async Task LoadAsync_CardTooSmall_SaysWhichPartHowMuchItNeedsAndWhatIsFree()
    {
        Standin.Require(gib: 24);
        using var folder = Shapes.Folder("InternVL2-26B");
        var error = await Assert.ThrowsAnyAsync<EngineSettingsException>(() => VlmEngine.LoadAsync(Shapes.Options(folder, "cuda")));
        Assert.Matches("^cuda:0 has not enough memory for .*: [0-9.]+ GiB are needed, [0-9.]+ of 24.00 GiB are free\\. ", error.Message);
        Assert.Contains("Engine:Placement", error.Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("cuda:2", "cuda:2 cannot be used: only cuda:0 to cuda:1 are there")]
    [InlineData("cuda*4", "cuda:2, cuda:3 cannot be used: only cuda:0 to cuda:1 are there")]
    public async Task LoadAsync_NoSuchCard_SaysWhichAreThere(string placement, string message)
    {
        Standin.Require(cards: 2);
        using var folder = Shapes.Folder("InternVL2-2B");
        var error = await Assert.ThrowsAsync<EngineSettingsException>(() => VlmEngine.LoadAsync(Shapes.Options(folder, placement)));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }
}
