namespace Sgl.TestKit;

/// <summary>Folders of random weights in the true shape of a real model: they cost what trained ones cost, and what they say means nothing.</summary>
public static class WideFolder
{
    private static readonly string[] TokenizerFiles = ["tokenizer.model", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json"];

    /// <summary>Weights alone, written where they are not there yet: a minute or two.</summary>
    /// <param name="target"><c>1b</c> (1.9 GB) or <c>2b</c> (4.4 GB).</param>
    /// <param name="cache">Where they are kept.</param>
    public static string Weights(string target, string cache)
    {
        var folder = Path.GetFullPath(Path.Combine(cache, $"{target}-bfloat16"));
        if (!Directory.Exists(folder))
        {
            Console.WriteLine($"writing random weights to {folder} ...");
            CheckpointWriter.Write(folder + ".partial", target == "1b" ? RealShapes.OneB : RealShapes.TwoB, StoredType.BFloat16);
            Directory.Move(folder + ".partial", folder);
        }

        return folder;
    }

    /// <summary>
    /// The same with the demo pair's tokenizer, so that it answers chats, through the services too: a folder beside the weights that links to them. What a run that
    /// was broken off, or weights that have moved, left behind is made anew.
    /// </summary>
    /// <param name="weights">A folder without tokenizer files.</param>
    public static string Served(string weights)
    {
        var folder = Path.GetFullPath(weights) + "-served";
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.EnumerateFiles(weights))
        {
            var link = New(folder, file);
            File.CreateSymbolicLink(link, Path.GetFullPath(file));
        }

        foreach (var name in TokenizerFiles)
        {
            File.Copy(Repository.Path("models", "sgl-demo-small", name), New(folder, name));
        }

        return folder;
    }

    /// <summary>A file's path in a folder, with nothing there: a copy over a link would be written through it.</summary>
    private static string New(string folder, string file)
    {
        var path = Path.Combine(folder, Path.GetFileName(file));
        File.Delete(path);
        return path;
    }
}
