using System.Globalization;
using System.Text.Json;

namespace Sgl.Text.Internal;

/// <summary>
/// Gathers the added tokens of a checkpoint from the files that may state them, and refuses contradictions:
/// <c>tokenizer.json</c> (added_tokens), <c>added_tokens.json</c>, <c>tokenizer_config.json</c> (added_tokens_decoder), and
/// the named tokens (bos_token, additional_special_tokens, ...) of <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c>.
/// </summary>
internal sealed class AddedTokenCollector
{
    private static readonly string[] Names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly Dictionary<string, AddedToken> _byContent = new(StringComparer.Ordinal);
    private readonly Dictionary<int, string> _byId = [];
    private readonly HashSet<string> _named = new(StringComparer.Ordinal);

    /// <summary>Contents of the tokens that the configuration names as special.</summary>
    public IReadOnlySet<string> NamedSpecial => _named;

    public IReadOnlyList<AddedToken> Tokens => [.. _byContent.Values.OrderBy(t => t.Id)];

    /// <summary>The <c>added_tokens</c> list of a tokenizer.json.</summary>
    public void AddTokenizerJson(JsonFile file)
    {
        if (file.Find(file.Root, "added_tokens") is not { } list)
        {
            return;
        }

        var index = 0;
        foreach (var item in file.Items(list, "added_tokens"))
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"added_tokens[{index++}]");
            var id = file.Id(file.Required(item, "id", JsonValueKind.Number, key + ".id"), key + ".id");
            Add(file, key, ReadFlags(file, item, id, key));
        }
    }

    /// <summary>The file added_tokens.json: content to id.</summary>
    public void AddAddedTokensJson(JsonFile file)
    {
        foreach (var member in file.Members(file.Root, "(root)"))
        {
            var content = file.Name(member, "(root)");
            var id = file.Id(member.Value, content);
            if (!_byContent.TryGetValue(content, out var known) || known.Id != id)
            {
                Add(file, content, new(content, id, Special: false));
            }
        }
    }

    /// <summary>The <c>added_tokens_decoder</c> of tokenizer_config.json: id to token.</summary>
    public void AddDecoder(JsonFile file)
    {
        if (file.Find(file.Root, "added_tokens_decoder") is not { } decoder)
        {
            return;
        }

        foreach (var member in file.Members(decoder, "added_tokens_decoder"))
        {
            var name = file.Name(member, "added_tokens_decoder");
            var key = "added_tokens_decoder." + name;
            if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || id > BpeModel.MaxId)
            {
                throw new TokenizerException(file.Path, key, $"expected a token id from 0 to {BpeModel.MaxId}");
            }

            Add(file, key, ReadFlags(file, member.Value, id, key));
        }
    }

    /// <summary>The named special tokens of tokenizer_config.json or special_tokens_map.json.</summary>
    /// <param name="file">The file.</param>
    /// <param name="modelId">The id of a token in the model's own vocabulary.</param>
    public void AddNamed(JsonFile file, Func<string, int?> modelId)
    {
        foreach (var name in Names)
        {
            if (file.Find(file.Root, name) is { } value)
            {
                AddNamed(file, value, name, modelId);
            }
        }

        if (file.Find(file.Root, "additional_special_tokens") is { } list)
        {
            var index = 0;
            foreach (var item in file.Items(list, "additional_special_tokens"))
            {
                AddNamed(file, item, string.Create(CultureInfo.InvariantCulture, $"additional_special_tokens[{index++}]"), modelId);
            }
        }
    }

    /// <summary>A special token that the tokenizer's class names by itself.</summary>
    public void AddNamed(string content, Func<string, int?> modelId)
    {
        _named.Add(content);
        if (_byContent.TryGetValue(content, out var known))
        {
            _byContent[content] = known with { Special = true };
        }
        else if (modelId(content) is { } id && _byId.TryAdd(id, content))
        {
            _byContent.Add(content, new(content, id, Special: true));
        }
    }

    /// <summary>The content of a named token, or null.</summary>
    public static string? NamedContent(JsonFile file, string name) => file.Find(file.Root, name) is { } value
        ? value.ValueKind == JsonValueKind.Object ? file.RequiredText(value, "content", name + ".content") : file.Text(value, name)
        : null;

    private static AddedToken ReadFlags(JsonFile file, JsonElement item, int id, string key)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            throw new TokenizerException(file.Path, key, $"expected Object, found {item.ValueKind}");
        }

        var content = file.RequiredText(item, "content", key + ".content");
        if (content.Length == 0)
        {
            throw new TokenizerException(file.Path, key + ".content", "is empty");
        }

        return new(
            content,
            id,
            file.Flag(item, "special", false, key + ".special"),
            file.Flag(item, "lstrip", false, key + ".lstrip"),
            file.Flag(item, "rstrip", false, key + ".rstrip"),
            file.Flag(item, "single_word", false, key + ".single_word"),
            file.Flag(item, "normalized", false, key + ".normalized"));
    }

    private void AddNamed(JsonFile file, JsonElement value, string key, Func<string, int?> modelId)
    {
        var content = value.ValueKind == JsonValueKind.Object
            ? file.RequiredText(value, "content", key + ".content")
            : file.Text(value, key);
        if (content.Length > 0)
        {
            AddNamed(content, modelId);
        }
    }

    private void Add(JsonFile file, string key, AddedToken token)
    {
        if (token.Content.Length == 0)
        {
            throw new TokenizerException(file.Path, key, "an added token is empty");
        }

        if (_byId.TryGetValue(token.Id, out var other) && other != token.Content)
        {
            throw new TokenizerException(file.Path, key, $"id {token.Id} is '{token.Content}' here and '{other}' in another place");
        }

        if (_byContent.TryGetValue(token.Content, out var known) && known.Id != token.Id)
        {
            throw new TokenizerException(file.Path, key, $"'{token.Content}' is id {token.Id} here and {known.Id} in another place");
        }

        _byId[token.Id] = token.Content;
        _byContent[token.Content] = token;
    }
}
