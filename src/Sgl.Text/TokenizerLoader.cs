using Sgl.Text.Internal;

namespace Sgl.Text;

/// <summary>Opens the tokenizer of a checkpoint folder, whatever files it has.</summary>
/// <remarks>
/// In this order: <c>tokenizer.model</c> (SentencePiece BPE) where <c>tokenizer_config.json</c> names a class that uses it;
/// <c>vocab.json</c> + <c>merges.txt</c> (byte-level BPE) likewise; <c>tokenizer.json</c>. These are the files that the
/// reference implementation of the supported families reads, since it asks for the tokenizers that are not "fast".
/// </remarks>
public static class TokenizerLoader
{
    /// <summary>Opens a tokenizer with the default limits.</summary>
    /// <param name="folder">A checkpoint folder.</param>
    /// <exception cref="TokenizerException">A file is missing, damaged, or asks for something that is not implemented.</exception>
    public static ITokenizer Open(string folder) => Open(folder, new TokenizerOptions());

    /// <summary>Opens a tokenizer.</summary>
    /// <param name="folder">A checkpoint folder.</param>
    /// <param name="options">Limits.</param>
    /// <exception cref="TokenizerException">A file is missing, damaged, or asks for something that is not implemented.</exception>
    public static ITokenizer Open(string folder, TokenizerOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(options);
        if (!Directory.Exists(folder))
        {
            throw new TokenizerException(folder, null, "the folder does not exist");
        }

        var config = JsonFile.ReadIfPresent(folder, "tokenizer_config.json");
        var className = config?.OptionalText(config.Root, "tokenizer_class", "tokenizer_class");
        if (className is not null && className.EndsWith("Fast", StringComparison.Ordinal))
        {
            className = className[..^4];
        }

        if (config is not null && config.Flag(config.Root, "split_special_tokens", false, "split_special_tokens"))
        {
            throw config.NotImplemented("split_special_tokens", "true");
        }

        var model = Path.Combine(folder, "tokenizer.model");
        var vocabulary = Path.Combine(folder, "vocab.json");
        var merges = Path.Combine(folder, "merges.txt");
        var json = Path.Combine(folder, "tokenizer.json");
        var files = new TokenizerFiles(folder, config, className, options);
        if (config is not null && File.Exists(model) && SentencePieceLoader.Supports(className))
        {
            return SentencePieceLoader.Load(model, files);
        }

        if (config is not null && File.Exists(vocabulary) && File.Exists(merges) && ByteLevelLoader.Supports(className))
        {
            return ByteLevelLoader.Load(vocabulary, merges, files);
        }

        if (File.Exists(json))
        {
            return TokenizerJsonLoader.Load(json, files);
        }

        throw Missing(folder, config, className, model, vocabulary, merges);
    }

    private static TokenizerException Missing(string folder, JsonFile? config, string? className, string model, string vocabulary, string merges)
    {
        var hasModel = File.Exists(model);
        var hasVocabulary = File.Exists(vocabulary);
        var hasMerges = File.Exists(merges);
        if (!hasModel && !hasVocabulary && !hasMerges)
        {
            return new(folder, null, "no tokenizer: expected tokenizer.model, or vocab.json and merges.txt, or tokenizer.json");
        }

        if (config is null)
        {
            return new(Path.Combine(folder, "tokenizer_config.json"), null, "is missing; it says how the vocabulary is used");
        }

        if (!hasModel && hasVocabulary != hasMerges)
        {
            return new(hasVocabulary ? merges : vocabulary, null, $"is missing beside {(hasVocabulary ? "vocab.json" : "merges.txt")}");
        }

        if (className is null)
        {
            return new(config.Path, "tokenizer_class", "is missing");
        }

        var supported = string.Join(", ", SentencePieceLoader.Classes.Concat(ByteLevelLoader.Classes));
        return SentencePieceLoader.Supports(className) || ByteLevelLoader.Supports(className)
            ? new(folder, null, $"{className} needs {(SentencePieceLoader.Supports(className) ? "tokenizer.model" : "vocab.json and merges.txt")}, or tokenizer.json")
            : new(config.Path, "tokenizer_class", $"'{className}' is not implemented without a tokenizer.json (implemented: {supported})");
    }
}
