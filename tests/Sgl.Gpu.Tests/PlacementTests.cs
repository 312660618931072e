using System.Text.Json;
using Sgl.Gpu.Tests.Support;
using Sgl.Guidance;

namespace Sgl.Gpu.Tests;

/// <summary>Where the runtime puts the nodes, from its own profiles.</summary>
public sealed class PlacementTests
{
    // What shapes are computed with; all other operators belong on the card.
    private static readonly string[] OfShapes = ["Shape", "Slice", "Concat", "Squeeze", "Unsqueeze", "Gather", "Cast", "Reshape", "Range", "Mul", "Add", "Sub", "Div"];

    [SkippableTheory]
    [InlineData("InternVL2-2B", "auto")]
    [InlineData("Qwen2-VL-2B", "auto")]
    [InlineData("LLaVA-OV-0.5B", "auto")]
    [InlineData("InternVL2-2B", "int8")]
    [InlineData("Qwen2-VL-2B", "int4", "float16")]
    [InlineData("Qwen2-VL-2B", "int4", "bfloat16")]
    public async Task GenerateAsync_AnyPart_OnlyShapesAreComputedOnTheCpu(string name, string bits, string type = "auto")
    {
        Standin.Require();
        using var folder = Shapes.Folder(name);
        var profiles = Directory.CreateDirectory(folder.File("profiles"));
        var options = Shapes.Options(folder, "cuda", importance: true, bits);
        options.Cuda.ComputeType = type;
        options.ProfileFolder = profiles.FullName;
        var engine = await VlmEngine.LoadAsync(options);
        var prompt = Shapes.Prompt(engine, tiles: 1);
        await foreach (var _ in engine.GenerateAsync(prompt, new GenerationOptions { Sampling = new SamplingOptions { MaxNewTokens = 3, StopTokenIds = [] }, Importance = new ImportanceOptions(), ConsistencyRatio = 0.05 }, default))
        {
        }

        await engine.DisposeAsync();
        var nodes = profiles.GetFiles("*.json").SelectMany(file => Nodes(file.FullName)).Distinct().ToList();
        Assert.Contains(nodes, n => n == ("GroupQueryAttention", "CUDAExecutionProvider"));
        Assert.Contains(nodes, n => n == ("MultiHeadAttention", "CUDAExecutionProvider"));
        Assert.Contains(nodes, n => n == ("TopK", "CUDAExecutionProvider"));
        Assert.Equal(bits != "auto", nodes.Contains(("MatMulNBits", "CUDAExecutionProvider")));
        Assert.DoesNotContain(nodes, n => n.Provider != "CUDAExecutionProvider" && !OfShapes.Contains(n.Operator));
        Assert.DoesNotContain(nodes, n => n.Operator is "MemcpyToHost" or "MemcpyFromHost");
    }

    private static IEnumerable<(string Operator, string Provider)> Nodes(string path)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(path));
        foreach (var entry in json.RootElement.EnumerateArray())
        {
            if (entry.TryGetProperty("args", out var args) && args.ValueKind == JsonValueKind.Object
                && args.TryGetProperty("op_name", out var name) && args.TryGetProperty("provider", out var provider))
            {
                yield return (name.GetString()!, provider.GetString()!);
            }
        }
    }
}
