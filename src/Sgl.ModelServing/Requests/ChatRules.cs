using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>Checks the turns of a chat.</summary>
public static class ChatRules
{
    /// <summary>Notes everything that is wrong with the turns.</summary>
    /// <param name="messages">Turns, oldest first.</param>
    /// <param name="imageCount">Images of the request.</param>
    /// <param name="field">Path of the list, e.g. <c>input.messages</c>.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void Check(IReadOnlyList<Wire.ChatMessage> messages, int imageCount, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(violations);
        if (messages.Count == 0)
        {
            violations.Add(field, "is required: at least one user turn");
            return;
        }

        var placed = new HashSet<int>();
        for (var i = 0; i < messages.Count; i++)
        {
            CheckRole(messages[i].Role, i, $"{field}[{i}].role", violations);
            CheckParts(messages[i], imageCount, placed, $"{field}[{i}].parts", violations);
        }

        CheckQuestion(messages[^1], $"{field}[{messages.Count - 1}]", violations);
    }

    private static void CheckRole(Wire.ChatRole role, int turn, string field, ViolationList violations)
    {
        switch (role)
        {
            case Wire.ChatRole.User or Wire.ChatRole.Assistant:
            case Wire.ChatRole.System when turn == 0:
                break;
            case Wire.ChatRole.System:
                violations.Add(field, "a system turn can only be the first one");
                break;
            case Wire.ChatRole.Unspecified:
                violations.Add(field, "is required");
                break;
            default:
                violations.Add(field, $"{(int)role} is not a value of ChatRole");
                break;
        }
    }

    private static void CheckParts(Wire.ChatMessage message, int imageCount, HashSet<int> placed, string field, ViolationList violations)
    {
        if (message.Parts.Count == 0)
        {
            violations.Add(field, "is required: at least one part");
        }

        for (var j = 0; j < message.Parts.Count; j++)
        {
            var part = message.Parts[j];
            switch (part.ContentCase)
            {
                case Wire.ChatPart.ContentOneofCase.Text:
                    break;
                case Wire.ChatPart.ContentOneofCase.ImageIndex when message.Role != Wire.ChatRole.User:
                    violations.Add($"{field}[{j}].image_index", "images can only be placed in user turns");
                    break;
                case Wire.ChatPart.ContentOneofCase.ImageIndex when part.ImageIndex < 0 || part.ImageIndex >= imageCount:
                    violations.Add($"{field}[{j}].image_index", $"is {part.ImageIndex}, but the request has {imageCount} images");
                    break;
                case Wire.ChatPart.ContentOneofCase.ImageIndex when !placed.Add(part.ImageIndex):
                    violations.Add($"{field}[{j}].image_index", $"image {part.ImageIndex} is placed a second time");
                    break;
                case Wire.ChatPart.ContentOneofCase.ImageIndex:
                    break;
                default:
                    violations.Add($"{field}[{j}]", "one of text and image_index is required");
                    break;
            }
        }
    }

    private static void CheckQuestion(Wire.ChatMessage last, string field, ViolationList violations)
    {
        if (last.Role is Wire.ChatRole.Assistant or Wire.ChatRole.System)
        {
            violations.Add($"{field}.role", "the last turn must be the user's");
        }
        else if (last.Parts.Count > 0 && last.Parts.All(p => string.IsNullOrWhiteSpace(p.Text)))
        {
            violations.Add($"{field}.parts", "the question is empty: the last turn needs text");
        }
    }
}
