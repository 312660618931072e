using System.Globalization;
using System.Text.Json;

namespace Sgl.Text.Internal;

/// <summary>Opens a <c>tokenizer.json</c> whose model is BPE; what is not implemented is refused by name.</summary>
internal static class TokenizerJsonLoader
{
    public static BpeTokenizer Load(string path, TokenizerFiles files)
    {
        var file = JsonFile.Read(path);
        var pre = new PreTokenizerReader(file);
        if (file.Find(file.Root, "pre_tokenizer") is { } preTokenizer)
        {
            pre.Read(preTokenizer, "pre_tokenizer");
        }

        var normalizer = new List<NormalizerStep>();
        if (file.Find(file.Root, "normalizer") is { } value)
        {
            ReadNormalizer(file, value, "normalizer", normalizer);
        }

        var (dropsLeadingSpace, decodesBytes) = ReadDecoder(file, pre.ByteLevel);
        var model = ReadModel(file, pre.ByteLevel, decodesBytes);
        var added = files.CollectAdded(model.IdOf, file, []);
        var prefix = new List<int>();
        var suffix = new List<int>();
        if (files.ClassName == "LlamaTokenizer")
        {
            // This class builds its post-processor from the configuration, whatever tokenizer.json says.
            var (before, after) = files.Surroundings(addBos: true, "<s>", "</s>", added, model.IdOf);
            prefix.AddRange(before);
            suffix.AddRange(after);
        }
        else if (file.Find(file.Root, "post_processor") is { } processor)
        {
            ReadPostProcessor(file, processor, "post_processor", prefix, suffix);
        }

        return new(model, added.Tokens, new(normalizer), pre.Steps, dropsLeadingSpace, [.. prefix], [.. suffix], files.Options);
    }

    private static BpeModel ReadModel(JsonFile file, bool byteLevel, bool decodesBytes)
    {
        var model = file.Required(file.Root, "model", JsonValueKind.Object, "model");
        if (file.OptionalText(model, "type", "model.type") is { } type && type != "BPE")
        {
            throw file.NotImplemented("model.type", type);
        }

        foreach (var name in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (file.OptionalText(model, name, "model." + name) is { Length: > 0 } text)
            {
                throw file.NotImplemented("model." + name, text);
            }
        }

        if (file.Find(model, "dropout") is { } dropout && !(dropout.ValueKind == JsonValueKind.Number && dropout.TryGetDouble(out var p) && p == 0))
        {
            throw file.NotImplemented("model.dropout", dropout.GetRawText());
        }

        var vocabulary = ByteLevelLoader.ReadVocabulary(
            file, file.Required(model, "vocab", JsonValueKind.Object, "model.vocab"), "model.vocab");
        var merges = new List<(string, string)>();
        foreach (var item in file.Items(file.Required(model, "merges", JsonValueKind.Array, "model.merges"), "model.merges"))
        {
            merges.Add(ReadMerge(file, item, merges.Count));
        }

        return new(file.Path, vocabulary, merges, new()
        {
            ByteLevel = byteLevel,
            DecodesBytes = decodesBytes,
            ByteFallback = file.Flag(model, "byte_fallback", false, "model.byte_fallback"),
            IgnoreMerges = file.Flag(model, "ignore_merges", false, "model.ignore_merges"),
            FuseUnknown = file.Flag(model, "fuse_unk", false, "model.fuse_unk"),
            UnknownToken = file.OptionalText(model, "unk_token", "model.unk_token"),
        });
    }

    private static (string Left, string Right) ReadMerge(JsonFile file, JsonElement item, int index)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"model.merges[{index}]");
        string[] parts = item.ValueKind == JsonValueKind.Array
            ? [.. item.EnumerateArray().Select(part => file.Text(part, key))]
            : file.Text(item, key).Split(' ');
        return parts is [{ Length: > 0 } left, { Length: > 0 } right]
            ? (left, right)
            : throw new TokenizerException(file.Path, key, "expected two tokens");
    }

    private static void ReadNormalizer(JsonFile file, JsonElement value, string key, List<NormalizerStep> steps)
    {
        var type = file.RequiredText(value, "type", key + ".type");
        switch (type)
        {
            case "Sequence":
                var index = 0;
                foreach (var item in file.Items(file.Required(value, "normalizers", JsonValueKind.Array, key + ".normalizers"), key))
                {
                    ReadNormalizer(file, item, string.Create(CultureInfo.InvariantCulture, $"{key}.normalizers[{index++}]"), steps);
                }

                break;
            case "NFC":
                steps.Add(new NormalizerStep.Nfc());
                break;
            case "Prepend":
                steps.Add(new NormalizerStep.Prepend(file.RequiredText(value, "prepend", key + ".prepend")));
                break;
            case "Replace":
                steps.Add(ReadReplace(file, value, key));
                break;
            default:
                throw file.NotImplemented(key + ".type", type);
        }
    }

    private static NormalizerStep.Replace ReadReplace(JsonFile file, JsonElement value, string key)
    {
        var pattern = file.Required(value, "pattern", JsonValueKind.Object, key + ".pattern");
        var text = file.OptionalText(pattern, "String", key + ".pattern.String");
        return text is { Length: > 0 }
            ? new(text, file.RequiredText(value, "content", key + ".content"))
            : throw file.NotImplemented(key + ".pattern", pattern.GetRawText());
    }

    /// <summary>Checks that the decoder is the one that belongs to the pre-tokenizer.</summary>
    /// <returns>Whether a decoded text loses its first space, and whether byte tokens become bytes.</returns>
    private static (bool DropsLeadingSpace, bool DecodesBytes) ReadDecoder(JsonFile file, bool byteLevel)
    {
        const string Key = "decoder";
        var decoder = file.Required(file.Root, Key, JsonValueKind.Object, Key);
        var steps = new List<JsonElement> { decoder };
        if (file.RequiredText(decoder, "type", Key + ".type") == "Sequence")
        {
            steps = [.. file.Items(file.Required(decoder, "decoders", JsonValueKind.Array, Key + ".decoders"), Key + ".decoders")];
        }

        var drops = false;
        var spaces = false;
        var bytes = false;
        foreach (var step in steps)
        {
            var type = file.RequiredText(step, "type", Key + ".type");
            switch (type)
            {
                case "ByteLevel" when byteLevel:
                    spaces = true;
                    break;
                case "ByteFallback" when !byteLevel:
                    bytes = true;
                    break;
                case "Fuse" when !byteLevel:
                    break;
                case "Replace" when !byteLevel && ReadReplace(file, step, Key) is { Pattern: "\u2581", Content: " " }:
                    spaces = true;
                    break;
                case "Strip" when !byteLevel:
                    drops = ReadStrip(file, step);
                    break;
                default:
                    throw file.NotImplemented(Key, type);
            }
        }

        return spaces ? (drops, bytes) : throw new TokenizerException(file.Path, Key, $"expected {(byteLevel ? "ByteLevel" : "Replace '\u2581' by a space")}, as the pre-tokenizer needs");
    }

    private static bool ReadStrip(JsonFile file, JsonElement step)
    {
        var content = file.RequiredText(step, "content", "decoder.content");
        var start = file.Id(file.Required(step, "start", JsonValueKind.Number, "decoder.start"), "decoder.start");
        var stop = file.Id(file.Required(step, "stop", JsonValueKind.Number, "decoder.stop"), "decoder.stop");
        return content == " " && start <= 1 && stop == 0
            ? start == 1
            : throw file.NotImplemented("decoder", step.GetRawText());
    }

    private static void ReadPostProcessor(JsonFile file, JsonElement value, string key, List<int> prefix, List<int> suffix)
    {
        var type = file.RequiredText(value, "type", key + ".type");
        switch (type)
        {
            case "Sequence":
                var index = 0;
                foreach (var item in file.Items(file.Required(value, "processors", JsonValueKind.Array, key + ".processors"), key))
                {
                    ReadPostProcessor(file, item, string.Create(CultureInfo.InvariantCulture, $"{key}.processors[{index++}]"), prefix, suffix);
                }

                break;
            case "ByteLevel":
                break; // changes offsets only
            case "TemplateProcessing":
                ReadTemplate(file, value, key, prefix, suffix);
                break;
            default:
                throw file.NotImplemented(key + ".type", type);
        }
    }

    private static void ReadTemplate(JsonFile file, JsonElement value, string key, List<int> prefix, List<int> suffix)
    {
        var before = new List<int>();
        var after = new List<int>();
        var seen = false;
        foreach (var item in file.Items(file.Required(value, "single", JsonValueKind.Array, key + ".single"), key + ".single"))
        {
            if (file.Find(item, "Sequence") is not null)
            {
                if (seen)
                {
                    throw file.NotImplemented(key + ".single", "a text that appears twice");
                }

                seen = true;
                continue;
            }

            var special = file.Required(item, "SpecialToken", JsonValueKind.Object, key + ".single");
            var name = file.RequiredText(special, "id", key + ".single.id");
            var tokens = file.Required(value, "special_tokens", JsonValueKind.Object, key + ".special_tokens");
            var token = file.Required(tokens, name, JsonValueKind.Object, $"{key}.special_tokens.{name}");
            var ids = file.Required(token, "ids", JsonValueKind.Array, $"{key}.special_tokens.{name}.ids");
            foreach (var id in file.Items(ids, key))
            {
                (seen ? after : before).Add(file.Id(id, $"{key}.special_tokens.{name}.ids"));
            }
        }

        if (!seen)
        {
            throw new TokenizerException(file.Path, key + ".single", "has no place for the text");
        }

        prefix.InsertRange(0, before);
        suffix.AddRange(after);
    }
}
