using Sgl.Testing;

namespace Sgl.LoadTest;

/// <summary>A model of InternVL2-1B's shape with random weights and the demo pair's tokenizer: it costs what a real one costs, and says nothing.</summary>
internal static class WideModel
{
    private static readonly string[] TokenizerFiles =
        ["added_tokens.json", "generation_config.json", "preprocessor_config.json", "special_tokens_map.json", "tokenizer.model", "tokenizer_config.json"];

    /// <summary>Its folder; made where it is missing, which takes a minute or two and 1.9 GB. The weights are those of <c>Sgl.Bench 1b</c>.</summary>
    public static string Folder(string cache)
    {
        var weights = Path.GetFullPath(Path.Combine(cache, "1b-bfloat16"));
        if (!Directory.Exists(weights))
        {
            Console.WriteLine($"writing random weights to {weights} ...");
            CheckpointWriter.Write(weights + ".partial", RealShapes.OneB, StoredType.BFloat16);
            Directory.Move(weights + ".partial", weights);
        }

        var folder = Path.GetFullPath(Path.Combine(cache, "1b-with-tokenizer"));
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(weights))
        {
            var link = Path.Combine(folder, Path.GetFileName(file));
            if (!File.Exists(link))
            {
                File.CreateSymbolicLink(link, file);
            }
        }

        foreach (var name in TokenizerFiles)
        {
            File.Copy(Repository.Path("models", "sgl-demo-small", name), Path.Combine(folder, name), overwrite: true);
        }

        return folder;
    }
}
