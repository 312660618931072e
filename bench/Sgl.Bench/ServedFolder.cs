namespace Sgl.Bench;

/// <summary>Random weights with the demo pair's tokenizer: a folder that answers chats about pictures, through the services too. What it says means nothing.</summary>
internal static class ServedFolder
{
    /// <summary>Makes the folder beside the weights, where it is not there yet. It links to them.</summary>
    /// <param name="weights">A folder without tokenizer files.</param>
    public static string Of(string weights)
    {
        var folder = weights + "-served";
        if (Directory.Exists(folder))
        {
            return folder;
        }

        var partial = Directory.CreateDirectory(folder + ".partial").FullName;
        foreach (var file in Directory.EnumerateFiles(weights))
        {
            File.CreateSymbolicLink(Path.Combine(partial, Path.GetFileName(file)), Path.GetFullPath(file));
        }

        foreach (var name in new[] { "tokenizer.model", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json" })
        {
            File.Copy(Path.Combine(BenchOptions.Repository, "models", "sgl-demo-small", name), Path.Combine(partial, name));
        }

        Directory.Move(partial, folder);
        return folder;
    }
}
