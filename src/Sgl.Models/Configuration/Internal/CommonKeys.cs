namespace Sgl.Models.Internal;

/// <summary>Keys that files of different ages write in different places: at the top level, or in the decoder's own object.</summary>
internal static class CommonKeys
{
    /// <summary><c>torch_dtype</c>, called <c>dtype</c> by newer versions; for information only.</summary>
    public static string? StoredType(ConfigReader config, ConfigReader? text = null) =>
        config.OptionalString("torch_dtype") ?? config.OptionalString("dtype")
        ?? text?.OptionalString("torch_dtype") ?? text?.OptionalString("dtype");

    /// <summary>
    /// <c>tie_word_embeddings</c>: whether either place says so. Published files say it in one and deny it in the other; a head that the files hold
    /// wins over both.
    /// </summary>
    public static bool TiedHead(ConfigReader config, ConfigReader? text, bool classDefault)
    {
        const string Key = "tie_word_embeddings";
        var silent = !config.Has(Key) && text?.Has(Key) != true;
        return config.Bool(Key, silent && classDefault) | (text?.Bool(Key, false) ?? false);
    }

    /// <summary><c>eos_token_id</c>; empty where neither gives one.</summary>
    public static IReadOnlyList<int> EosTokenIds(ConfigReader config, ConfigReader? text) =>
        text is not null && text.Has("eos_token_id") ? text.TokenIds("eos_token_id") : config.TokenIds("eos_token_id");
}
