namespace Sgl.Text.Internal;

/// <summary>Opens a folder with a SentencePiece <c>tokenizer.model</c>.</summary>
internal static class SentencePieceLoader
{
    private const string Llama = "LlamaTokenizer";
    private const string InternLm2 = "InternLM2Tokenizer";
    private static readonly string[] Special = ["<unk>", "<s>", "</s>"];

    public static IReadOnlyList<string> Classes { get; } = [Llama, InternLm2];

    public static bool Supports(string? className) => className is Llama or InternLm2;

    public static SentencePieceTokenizer Load(string path, TokenizerFiles files)
    {
        var config = files.Config!;
        var model = SentencePieceModel.Read(path, TokenizerFiles.ReadBytes(path, SentencePieceModel.MaxBytes));
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < model.Pieces.Count; id++)
        {
            ids.TryAdd(model.Pieces[id].Text, id);
        }

        int? ModelId(string token) => ids.TryGetValue(token, out var id) ? id : null;

        // The class brings its own names for the tokens that the configuration does not name.
        string[] tokens = ["unk_token", "bos_token", "eos_token"];
        var defaults = tokens.Zip(Special).Where(pair => AddedTokenCollector.NamedContent(config, pair.First) is null).Select(pair => pair.Second);
        var added = files.CollectAdded(ModelId, null, defaults);
        var (prefix, suffix) = files.Surroundings(addBos: true, "<s>", "</s>", added, ModelId);
        var prefixSpace = PrefixSpace.ByModel;
        if (files.ClassName == Llama && !config.Flag(config.Root, "legacy", true, "legacy"))
        {
            prefixSpace = config.Flag(config.Root, "add_prefix_space", true, "add_prefix_space") ? PrefixSpace.Once : PrefixSpace.Never;
        }

        return new(model, added.Tokens, added.NamedSpecial, prefixSpace, prefix, suffix, files.Options);
    }
}
