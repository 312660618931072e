namespace Sgl.Text.Internal;

/// <summary>The files around a vocabulary that all kinds of tokenizers read.</summary>
/// <param name="Folder">The checkpoint folder.</param>
/// <param name="Config">tokenizer_config.json, or null.</param>
/// <param name="ClassName">Its tokenizer_class without the suffix Fast, or null.</param>
/// <param name="Options">Limits.</param>
internal sealed record TokenizerFiles(string Folder, JsonFile? Config, string? ClassName, TokenizerOptions Options)
{
    /// <summary>Gathers the added tokens.</summary>
    /// <param name="modelId">The id of a token in the model's own vocabulary.</param>
    /// <param name="tokenizerJson">The tokenizer.json, when it is what is being opened.</param>
    /// <param name="classNames">Special tokens that the tokenizer's class has by default.</param>
    public AddedTokenCollector CollectAdded(Func<string, int?> modelId, JsonFile? tokenizerJson, IEnumerable<string> classNames)
    {
        var added = new AddedTokenCollector();
        if (tokenizerJson is not null)
        {
            added.AddTokenizerJson(tokenizerJson);
        }

        if (JsonFile.ReadIfPresent(Folder, "added_tokens.json") is { } list)
        {
            added.AddAddedTokensJson(list);
        }

        if (Config is not null)
        {
            added.AddDecoder(Config);
        }

        foreach (var name in classNames)
        {
            added.AddNamed(name, modelId);
        }

        if (Config is not null)
        {
            added.AddNamed(Config, modelId);
        }

        if (JsonFile.ReadIfPresent(Folder, "special_tokens_map.json") is { } map)
        {
            added.AddNamed(map, modelId);
        }

        return added;
    }

    /// <summary>The ids that <c>add_bos_token</c> and <c>add_eos_token</c> of tokenizer_config.json put around a text.</summary>
    /// <param name="addBos">What <c>add_bos_token</c> is by default.</param>
    /// <param name="bos">The default content of the token in front.</param>
    /// <param name="eos">The default content of the token behind.</param>
    /// <param name="added">Added tokens.</param>
    /// <param name="modelId">The id of a token in the model's own vocabulary.</param>
    public (int[] Prefix, int[] Suffix) Surroundings(
        bool addBos, string? bos, string? eos, AddedTokenCollector added, Func<string, int?> modelId)
    {
        if (Config is null)
        {
            return ([], []);
        }

        return (
            Config.Flag(Config.Root, "add_bos_token", addBos, "add_bos_token") ? [Id("bos_token", bos)] : [],
            Config.Flag(Config.Root, "add_eos_token", false, "add_eos_token") ? [Id("eos_token", eos)] : []);

        int Id(string name, string? fallback)
        {
            var content = AddedTokenCollector.NamedContent(Config, name) ?? fallback
                ?? throw new TokenizerException(Config.Path, name, "is missing, and has to be added to every text");
            return added.Tokens.FirstOrDefault(t => t.Content == content)?.Id ?? modelId(content)
                ?? throw new TokenizerException(Config.Path, name, $"'{content}' is not in the vocabulary");
        }
    }

    /// <summary>Reads a file as bytes.</summary>
    /// <param name="path">Where.</param>
    /// <param name="most">Its largest size, bytes.</param>
    public static byte[] ReadBytes(string path, long most = long.MaxValue)
    {
        try
        {
            if (new FileInfo(path).Length is var size && size > most)
            {
                throw new TokenizerException(path, null, $"has {size} bytes, more than the {most} that are read");
            }

            var data = File.ReadAllBytes(path);
            return GitLfsPointer.Is(data) ? throw new TokenizerException(path, null, "is " + GitLfsPointer.Description) : data;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException(path, null, "cannot be read: " + e.Message, e);
        }
    }
}
