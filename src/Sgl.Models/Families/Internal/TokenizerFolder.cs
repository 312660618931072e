using Sgl.Text;

namespace Sgl.Models.Internal;

/// <summary>Opens the tokenizer of a checkpoint folder and compares it with <c>config.json</c>.</summary>
internal static class TokenizerFolder
{
    private static readonly string[] Files = ["tokenizer.model", "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"];

    /// <returns>Null when the folder has no tokenizer file, or when there is a problem.</returns>
    public static ITokenizer? Open(TokenizerOptions options, ProblemList problems)
    {
        if (!Array.Exists(Files, f => File.Exists(Path.Combine(problems.Folder, f))))
        {
            return null;
        }

        try
        {
            return TokenizerLoader.Open(problems.Folder, options);
        }
        catch (TokenizerException e)
        {
            Add(e, problems);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add("tokenizer files", null, "readable files", e.Message);
        }

        return null;
    }

    /// <summary>The placeholder's id; configuration and tokenizer must not disagree.</summary>
    public static int? ImageTokenId(IVlmFamily family, VlmConfig config, ITokenizer? tokenizer, ProblemList problems)
    {
        if (tokenizer is null)
        {
            return config.ImageTokenId;
        }

        if (tokenizer.VocabularySize > config.Language.VocabularySize)
        {
            problems.Add("config.json", "vocab_size", $"at least the tokenizer's {tokenizer.VocabularySize} ids", $"{config.Language.VocabularySize}");
        }

        int? known = tokenizer.AddedTokens.TryGetValue(family.PlaceholderToken, out var id) ? id : null;
        if (known is not null && config.ImageTokenId is not null && known != config.ImageTokenId)
        {
            problems.Add("config.json", "image token id", $"{known}, the tokenizer's {family.PlaceholderToken}", $"{config.ImageTokenId}");
        }

        return config.ImageTokenId ?? known;
    }

    public static void Add(TokenizerException e, ProblemList problems)
    {
        var prefix = e.Key is null ? $"{e.File}: " : $"{e.File}: {e.Key}: ";
        var reason = e.Message.StartsWith(prefix, StringComparison.Ordinal) ? e.Message[prefix.Length..] : e.Message;
        var file = Path.TrimEndingDirectorySeparator(e.File) == Path.TrimEndingDirectorySeparator(problems.Folder) ? "." : Path.GetFileName(e.File);
        problems.Add(file, e.Key, "a tokenizer that can be read", reason);
    }
}
