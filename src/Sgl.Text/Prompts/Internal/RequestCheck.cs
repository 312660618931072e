namespace Sgl.Text.Internal;

/// <summary>Refuses conversations that have no prompt.</summary>
internal static class RequestCheck
{
    /// <summary>Checks a request.</summary>
    /// <returns>Whether the messages place the images; otherwise all come in front of the first user message.</returns>
    /// <exception cref="PromptException">The conversation is not possible.</exception>
    public static bool Run(PromptRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        for (var i = 0; i < request.ImageTokenCounts.Count; i++)
        {
            if (request.ImageTokenCounts[i] <= 0)
            {
                throw new PromptException($"images[{i}]", $"expected at least one visual token, found {request.ImageTokenCounts[i]}");
            }
        }

        if (request.Messages.Count == 0 || request.Messages.All(m => m.Role != ChatRole.User))
        {
            throw new PromptException("messages", "there is no user message");
        }

        var placedAt = new string?[request.ImageTokenCounts.Count];
        for (var i = 0; i < request.Messages.Count; i++)
        {
            CheckMessage(request.Messages[i], i, placedAt);
        }

        // Behind the question only instructions may stand.
        var last = request.Messages.Count - 1;
        var asked = last;
        while (request.Messages[asked].Role == ChatRole.System)
        {
            asked--;
        }

        if (request.Messages[asked].Role != ChatRole.User)
        {
            throw new PromptException($"messages[{last}].role", "the last message must be the user's");
        }

        if (request.Messages[asked].Parts.All(p => p is ChatPart.Text text && string.IsNullOrWhiteSpace(text.Value)))
        {
            throw new PromptException($"messages[{asked}].parts", "the question is empty");
        }

        var placed = placedAt.Any(p => p is not null);
        return placed && Array.IndexOf(placedAt, null) is >= 0 and var unused
            ? throw new PromptException($"images[{unused}]", "no message refers to this image, though others are placed")
            : placed;
    }

    private static void CheckMessage(ChatMessage message, int index, string?[] placedAt)
    {
        if (!Enum.IsDefined(message.Role))
        {
            throw new PromptException($"messages[{index}].role", $"unknown role {(int)message.Role}");
        }

        for (var j = 0; j < message.Parts.Count; j++)
        {
            var field = $"messages[{index}].parts[{j}]";
            switch (message.Parts[j])
            {
                case ChatPart.Text { Value: null }:
                    throw new PromptException(field, "the text is missing");
                case ChatPart.Text:
                    break;
                case ChatPart.Image image:
                    if (message.Role != ChatRole.User)
                    {
                        throw new PromptException(field, "only user messages can hold images");
                    }

                    if (image.Index < 0 || image.Index >= placedAt.Length)
                    {
                        throw new PromptException(field, $"there is no image {image.Index}; the request has {placedAt.Length}");
                    }

                    if (placedAt[image.Index] is { } other)
                    {
                        throw new PromptException(field, $"image {image.Index} is already at {other}");
                    }

                    placedAt[image.Index] = field;
                    break;
                default:
                    throw new PromptException(field, "expected text or an image");
            }
        }
    }
}
