using System.Text.Json;
using Sgl.TestKit;

namespace Sgl.Guidance.Tests;

/// <summary>One golden case: its manifest and tensors.</summary>
internal sealed class GoldenCase
{
    private GoldenCase(string folder)
    {
        using var stream = File.OpenRead(Path.Combine(folder, "manifest.json"));
        using var json = JsonDocument.Parse(stream);
        Manifest = json.RootElement.Clone();
        Small = TestSafetensors.Open(Path.Combine(folder, "small.safetensors"));
        var large = Path.Combine(folder, "large.safetensors");
        Large = File.Exists(large) ? TestSafetensors.Open(large) : null;
    }

    public JsonElement Manifest { get; }

    public TestSafetensors Small { get; }

    public TestSafetensors? Large { get; }

    public float[] Importance => Small.Floats("A");

    public JsonElement SmallManifest => Manifest.GetProperty("small");

    public VisualTokens SmallVisual => Visual(SmallManifest);

    public VisualTokens LargeVisual => Visual(Manifest.GetProperty("large"));

    public static string DataRoot { get; } = Path.Combine(AppContext.BaseDirectory, "Data", "cases");

    public static TheoryData<string> Names(Func<GoldenCase, bool>? where = null)
    {
        var names = new TheoryData<string>();
        foreach (var manifest in Directory.GetFiles(DataRoot, "manifest.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var name = Path.GetRelativePath(DataRoot, Path.GetDirectoryName(manifest)!).Replace('\\', '/');
            if (where is null || where(Load(name)))
            {
                names.Add(name);
            }
        }

        return names;
    }

    public static int[] Ints(TestSafetensors file, string name) => Array.ConvertAll(file.Longs(name), v => checked((int)v));

    public static GoldenCase Load(string name) => new(Path.Combine(DataRoot, name));

    public static GoldenCase LoadFolder(string folder) => new(folder);

    /// <summary>The ratios of the kept sets stored in the case, with their spelling.</summary>
    public IEnumerable<(string Text, double Value)> Ratios() => Small.Names
        .Where(n => n.StartsWith("kept_r", StringComparison.Ordinal))
        .Select(n => (n["kept_r".Length..], double.Parse(n["kept_r".Length..], System.Globalization.CultureInfo.InvariantCulture)));

    private static VisualTokens Visual(JsonElement model)
    {
        var start = model.GetProperty("v_start").GetInt32();
        var end = model.GetProperty("v_end").GetInt32();
        return VisualTokens.Create([new VisualRun(start, end - start + 1)], model.GetProperty("seq_len").GetInt32());
    }
}
