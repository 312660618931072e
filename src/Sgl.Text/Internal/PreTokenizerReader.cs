using System.Globalization;
using System.Text.Json;

namespace Sgl.Text.Internal;

/// <summary>Reads the <c>pre_tokenizer</c> of a tokenizer.json.</summary>
internal sealed class PreTokenizerReader(JsonFile file)
{
    /// <summary>Steps in order; the conversion to bytes is no step but <see cref="ByteLevel"/>.</summary>
    public List<PreTokenizerStep> Steps { get; } = [];

    /// <summary>Whether words end as bytes in the byte alphabet.</summary>
    public bool ByteLevel { get; private set; }

    public void Read(JsonElement value, string key)
    {
        var type = file.RequiredText(value, "type", key + ".type");
        if (ByteLevel)
        {
            throw file.NotImplemented(key, type + " after ByteLevel");
        }

        switch (type)
        {
            case "Sequence":
                var index = 0;
                foreach (var item in file.Items(file.Required(value, "pretokenizers", JsonValueKind.Array, key + ".pretokenizers"), key))
                {
                    Read(item, string.Create(CultureInfo.InvariantCulture, $"{key}.pretokenizers[{index++}]"));
                }

                break;
            case "Split":
                Steps.Add(ReadSplit(value, key));
                break;
            case "ByteLevel":
                if (file.Flag(value, "add_prefix_space", true, key + ".add_prefix_space"))
                {
                    Steps.Add(new PreTokenizerStep.PrefixSpace());
                }

                if (file.Flag(value, "use_regex", true, key + ".use_regex"))
                {
                    Steps.Add(new PreTokenizerStep.Split(WordPattern.Gpt2));
                }

                ByteLevel = true;
                break;
            case "Metaspace":
                var (replacement, first, always) = ReadMetaspace(file, value, key);
                Steps.Add(new PreTokenizerStep.Metaspace(replacement, first, always, file.Flag(value, "split", true, key + ".split")));
                break;
            default:
                throw file.NotImplemented(key + ".type", type);
        }
    }

    private static (char Replacement, bool First, bool Always) ReadMetaspace(JsonFile file, JsonElement value, string key)
    {
        var replacement = file.OptionalText(value, "replacement", key + ".replacement") ?? "\u2581";
        if (replacement.Length != 1)
        {
            throw file.NotImplemented(key + ".replacement", replacement);
        }

        var prefix = file.OptionalFlag(value, "add_prefix_space", key + ".add_prefix_space");
        var scheme = file.OptionalText(value, "prepend_scheme", key + ".prepend_scheme") ?? (prefix == false ? "never" : "always");
        return scheme switch
        {
            "always" => (replacement[0], false, true),
            "first" => (replacement[0], true, false),
            "never" => (replacement[0], false, false),
            _ => throw file.NotImplemented(key + ".prepend_scheme", scheme),
        };
    }

    private PreTokenizerStep.Split ReadSplit(JsonElement value, string key)
    {
        var pattern = file.Required(value, "pattern", JsonValueKind.Object, key + ".pattern");
        var expression = file.OptionalText(pattern, "Regex", key + ".pattern.Regex")
            ?? throw file.NotImplemented(key + ".pattern", pattern.GetRawText());
        var words = WordPattern.Find(expression) ?? throw file.NotImplemented(key + ".pattern.Regex", expression);
        var behavior = file.RequiredText(value, "behavior", key + ".behavior");
        if (behavior != "Isolated")
        {
            // The known expressions match every character, so the behaviours that drop or join matches make no sense.
            throw file.NotImplemented(key + ".behavior", behavior);
        }

        return file.Flag(value, "invert", false, key + ".invert")
            ? throw file.NotImplemented(key + ".invert", "true")
            : new(words);
    }
}
