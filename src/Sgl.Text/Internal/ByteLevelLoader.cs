using System.Text;

namespace Sgl.Text.Internal;

/// <summary>Opens a folder with <c>vocab.json</c> and <c>merges.txt</c> of a byte-level BPE.</summary>
internal static class ByteLevelLoader
{
    private const string Qwen2 = "Qwen2Tokenizer";
    private const string Gpt2 = "GPT2Tokenizer";
    private static readonly UTF8Encoding Strict = new(false, true);

    public static IReadOnlyList<string> Classes { get; } = [Qwen2, Gpt2];

    public static bool Supports(string? className) => className is Qwen2 or Gpt2;

    public static BpeTokenizer Load(string vocabularyPath, string mergesPath, TokenizerFiles files)
    {
        var config = files.Config!;
        if (config.Flag(config.Root, "add_prefix_space", false, "add_prefix_space"))
        {
            throw config.NotImplemented("add_prefix_space", "true");
        }

        var file = JsonFile.Read(vocabularyPath);
        var vocabulary = ReadVocabulary(file, file.Root, "(root)");
        var model = new BpeModel(vocabularyPath, vocabulary, ReadMerges(mergesPath), new() { ByteLevel = true });
        var added = files.CollectAdded(model.IdOf, null, []);
        var (prefix, suffix) = files.Surroundings(addBos: false, null, null, added, model.IdOf);
        var isQwen2 = files.ClassName == Qwen2;
        NormalizerStep[] normalizer = isQwen2 ? [new NormalizerStep.Nfc()] : [];
        PreTokenizerStep[] steps = [new PreTokenizerStep.Split(isQwen2 ? WordPattern.Qwen2 : WordPattern.Gpt2)];
        return new(model, added.Tokens, new(normalizer), steps, dropsLeadingSpace: false, prefix, suffix, files.Options);
    }

    /// <summary>A vocabulary: token to id.</summary>
    public static Dictionary<string, int> ReadVocabulary(JsonFile file, System.Text.Json.JsonElement value, string key)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var member in file.Members(value, key))
        {
            var token = file.Name(member, key);
            vocabulary[token] = file.Id(member.Value, $"{key}.{token}");
        }

        return vocabulary;
    }

    private static List<(string Left, string Right)> ReadMerges(string path)
    {
        string text;
        try
        {
            text = Strict.GetString(TokenizerFiles.ReadBytes(path));
        }
        catch (DecoderFallbackException e)
        {
            throw new TokenizerException(path, null, "is not UTF-8", e);
        }

        var merges = new List<(string, string)>();
        var number = 0;
        foreach (var range in text.AsSpan().Split('\n'))
        {
            number++;
            var line = text.AsSpan(range).Trim();
            if (line.IsEmpty || (number == 1 && line.StartsWith("#version", StringComparison.Ordinal)))
            {
                continue;
            }

            var space = line.IndexOf(' ');
            if (space <= 0 || space == line.Length - 1 || line[(space + 1)..].Contains(' '))
            {
                throw new TokenizerException(path, $"line {number}", "expected two tokens with a space between them");
            }

            merges.Add((line[..space].ToString(), line[(space + 1)..].ToString()));
        }

        return merges;
    }
}
