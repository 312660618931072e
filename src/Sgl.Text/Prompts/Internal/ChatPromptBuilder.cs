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
            throw new PromptException("messages", e.Message);
        }
    }

    private PromptText Compose(PromptRequest request, bool placed)
    {
        var text = new PromptText();
        var messages = request.Messages;
        var hasSystem = messages[0].Role == ChatRole.System;
        if (hasSystem || _format.DefaultSystem is not null)
        {
            text.Append(_format.SystemHead);
            if (hasSystem)
            {
                AppendTexts(text, messages[0].Parts);
            }
            else
            {
                text.Append(_format.DefaultSystem!);
            }

            text.Append(_format.TurnEnd);
        }

        var imagesPending = !placed && request.ImageTokenCounts.Count > 0;
        foreach (var message in messages.Skip(hasSystem ? 1 : 0))
        {
            if (message.Role == ChatRole.Assistant)
            {
                text.Append(_format.AssistantHead);
                AppendTexts(text, message.Parts);
            }
            else
            {
                text.Append(_format.UserHead);
                IReadOnlyList<ChatPart> parts = message.Parts;
                if (imagesPending)
                {
                    parts = [.. Enumerable.Range(0, request.ImageTokenCounts.Count).Select(i => new ChatPart.Image(i)), .. parts];
                    imagesPending = false;
                }

                AppendUser(text, parts);
            }

            text.Append(_format.TurnEnd);
        }

        text.Append(_format.AnswerHead);
        return text;
    }

    private void AppendUser(PromptText text, IReadOnlyList<ChatPart> parts)
    {
        ChatPart[] ordered = [.. parts.Where(p => p is not ChatPart.Text { Value.Length: 0 })];
        if (_format.ImagesFirst)
        {
            ordered = [.. ordered.OfType<ChatPart.Image>(), .. ordered.OfType<ChatPart.Text>()];
        }

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
