namespace Sgl.Text.Internal;

/// <summary>Builds prompts of one format.</summary>
internal sealed class ChatPromptBuilder
{
    private readonly ITokenizer _tokenizer;
    private readonly ChatFormat _format;
    private readonly int _placeholderId;
    private readonly string[] _placeholders;

    public ChatPromptBuilder(ITokenizer tokenizer, ChatFormat format)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _format = format;
        _placeholders = [format.Placeholder, .. format.OtherPlaceholders];
        _placeholderId = format.CutAtImages ? format.CutId : AddedTokenId(tokenizer, format.Placeholder);
    }

    public ImageOrder ImageOrder => _format.ImageOrder;

    /// <summary>The id of a token that the format needs.</summary>
    /// <exception cref="ArgumentException">The tokenizer does not have it.</exception>
    public static int AddedTokenId(ITokenizer tokenizer, string token)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return tokenizer.AddedTokens.TryGetValue(token, out var id)
            ? id
            : throw new ArgumentException($"the prompt format needs the token '{token}', which is not among the tokenizer's added tokens", nameof(tokenizer));
    }

    public TokenizedPrompt Build(PromptRequest request)
    {
        var placed = RequestCheck.Run(request);
        var text = Compose(request, placed);
        try
        {
            return _format.CutAtImages ? EncodeCut(text, request) : EncodeWhole(text, request);
        }
        catch (TextTooLongException e)
        {
            throw new PromptException("messages", e.Message, e);
        }
    }

    private PromptText Compose(PromptRequest request, bool placed)
    {
        var text = new PromptText();
        if (request.Messages[0].Role != ChatRole.System && _format.DefaultSystem is { } system)
        {
            text.Append(_format.SystemHead);
            text.Append(system);
            text.Append(_format.TurnEnd);
        }

        var imagesPending = !placed && request.ImageTokenCounts.Count > 0;
        for (var i = 0; i < request.Messages.Count; i++)
        {
            var message = request.Messages[i];
            switch (message.Role)
            {
                case ChatRole.System:
                    text.Append(_format.SystemHead);
                    AppendTexts(text, message.Parts);
                    break;
                case ChatRole.Assistant:
                    text.Append(_format.AssistantHead);
                    AppendTexts(text, _format.DropsThoughts ? WithoutThought(message.Parts) : message.Parts);
                    break;
                default:
                    text.Append(_format.UserHead);
                    IReadOnlyList<ChatPart> parts = message.Parts;
                    if (imagesPending)
                    {
                        parts = [.. Enumerable.Range(0, request.ImageTokenCounts.Count).Select(n => new ChatPart.Image(n)), .. parts];
                        imagesPending = false;
                    }

                    AppendUser(text, Ordered(parts, request.KeepPartOrder, i));
                    break;
            }

            text.Append(_format.TurnEnd);
        }

        text.Append(_format.AnswerHead);
        return text;
    }

    /// <summary>The parts in the order in which the format writes them.</summary>
    private ChatPart[] Ordered(IReadOnlyList<ChatPart> parts, bool keep, int message)
    {
        ChatPart[] given = [.. parts.Where(p => p is not ChatPart.Text { Value.Length: 0 })];
        var images = given.OfType<ChatPart.Image>().ToArray();
        if (images.Length == 0 || given.Take(images.Length).All(p => p is ChatPart.Image))
        {
            return given;
        }

        switch (_format.ImageOrder)
        {
            case ImageOrder.AlwaysFirst when keep:
                throw new PromptException(
                    $"messages[{message}].parts", "this model's chat template has the images of a turn in front of its text, so their order cannot be kept; place the images first");
            case ImageOrder.AlwaysFirst:
                return [.. images, .. given.OfType<ChatPart.Text>()];
            case ImageOrder.First when !keep:
            case ImageOrder.SingleFirst when !keep && images.Length == 1:
                return [.. images, .. Texts(given)];
            default:
                return given;
        }
    }

    /// <summary>The texts; where an image between two of them was taken away, a line break keeps their words apart.</summary>
    private static IEnumerable<ChatPart.Text> Texts(ChatPart[] parts)
    {
        var (last, gap) = ("", false);
        foreach (var part in parts)
        {
            if (part is not ChatPart.Text text)
            {
                gap = last.Length > 0;
                continue;
            }

            var apart = gap && !char.IsWhiteSpace(last[^1]) && !char.IsWhiteSpace(text.Value[0]);
            yield return apart ? new ChatPart.Text("\n" + text.Value) : text;
            (last, gap) = (text.Value, false);
        }
    }

    private void AppendUser(PromptText text, ChatPart[] ordered)
    {
        var leading = true;
        for (var i = 0; i < ordered.Length; i++)
        {
            if (ordered[i] is ChatPart.Text part)
            {
                text.Append(_format.TextHead);
                text.AppendForeign(part.Value);
                leading = false;
                continue;
            }

            text.Append(_format.ImageHead);
            text.AppendImage(((ChatPart.Image)ordered[i]).Index, _format.CutAtImages ? "" : _format.Placeholder);
            text.Append(_format.ImageTail);
            var broken = i + 1 < ordered.Length && ordered[i + 1] is ChatPart.Text { Value: ['\n', ..] };
            if (_format.BreakAfterLeadingImage && leading && !broken)
            {
                text.Append("\n");
            }
        }
    }

    private static IReadOnlyList<ChatPart> WithoutThought(IReadOnlyList<ChatPart> parts)
    {
        const string End = "</think>";
        var answer = string.Concat(parts.OfType<ChatPart.Text>().Select(p => p.Value));
        var end = answer.LastIndexOf(End, StringComparison.Ordinal);
        return end < 0 ? parts : [new ChatPart.Text(answer[(end + End.Length)..].TrimStart('\n'))];
    }

    private void AppendTexts(PromptText text, IReadOnlyList<ChatPart> parts)
    {
        foreach (var part in parts.OfType<ChatPart.Text>())
        {
            text.Append(_format.TextHead);
            text.AppendForeign(part.Value);
        }
    }

    private List<TextRange> Literal(string text, IReadOnlyList<TextRange> foreign, bool allowSpecial) => allowSpecial
        ? ForeignText.LiteralPlaceholders(text, foreign, _placeholders)
        : ForeignText.LiteralByDefault(text, foreign, _tokenizer);

    /// <summary>One placeholder per image is encoded with the text, and repeated afterwards: long runs cost nothing.</summary>
    private TokenizedPrompt EncodeWhole(PromptText prompt, PromptRequest request)
    {
        var text = prompt.ToString();
        var ids = _tokenizer.Encode(text, Literal(text, prompt.Foreign, request.AllowSpecialTokensInText));
        if (ids.Count(id => id == _placeholderId) != prompt.Images.Count)
        {
            throw new PromptException("messages", $"a text of the request gives the reserved token '{_format.Placeholder}'");
        }

        var result = new PromptIds(ids.Length + request.ImageTokenCounts.Sum());
        var next = 0;
        foreach (var id in ids)
        {
            if (id == _placeholderId)
            {
                var image = prompt.Images[next++].Image;
                result.AddImage(image, id, request.ImageTokenCounts[image]);
            }
            else
            {
                result.Add(id);
            }
        }

        return result.ToPrompt();
    }

    private TokenizedPrompt EncodeCut(PromptText prompt, PromptRequest request)
    {
        var text = prompt.ToString();
        var literal = Literal(text, prompt.Foreign, request.AllowSpecialTokensInText);
        var result = new PromptIds(request.ImageTokenCounts.Sum() + (text.Length / 3));
        var start = 0;
        foreach (var (image, position) in prompt.Images)
        {
            AddText(start, position);
            result.AddImage(image, _placeholderId, request.ImageTokenCounts[image]);
            start = position;
        }

        AddText(start, text.Length);
        return result.ToPrompt();

        void AddText(int from, int to)
        {
            var ranges = new List<TextRange>();
            foreach (var range in literal)
            {
                var first = Math.Max(range.Start, from);
                var end = Math.Min(range.End, to);
                if (first < end)
                {
                    ranges.Add(new(first - from, end - first));
                }
            }

            foreach (var id in _tokenizer.Encode(text[from..to], ranges, addSpecialTokens: from == 0))
            {
                result.Add(id);
            }
        }
    }
}
