using Sgl.Hosting;

namespace Sgl.Requests;

/// <summary>Checks the turns of a chat.</summary>
public static class ChatRules
{
    /// <summary>Most turns of a chat.</summary>
    public const int MostMessages = 1024;

    /// <summary>Most UTF-16 units of all texts together, the tokenizers' own limit.</summary>
    public const int MostCharacters = 1 << 18;

    /// <summary>Notes what is wrong with the turns.</summary>
    /// <param name="messages">Turns, oldest first.</param>
    /// <param name="imageCount">Images of the request.</param>
    /// <param name="field">Path of the list, e.g. <c>input.messages</c>.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void Check(IReadOnlyList<Wire.ChatMessage> messages, int imageCount, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(violations);
        if (messages.Count is 0 or > MostMessages)
        {
            violations.Add(field, messages.Count == 0 ? "is required: at least one user turn" : $"at most {MostMessages} turns are accepted, found {messages.Count}");
            return;
        }

        var placed = new HashSet<int>();
        for (var i = 0; i < messages.Count; i++)
        {
            CheckRole(messages[i].Role, field, i, violations);
            CheckParts(messages[i], imageCount, placed, field, i, violations);
        }

        CheckQuestion(messages, field, violations);
        var characters = messages.Sum(m => m.Parts.Sum(p => (long)p.Text.Length));
        if (characters > MostCharacters)
        {
            violations.Add(field, $"the texts have {characters} characters together, at most {MostCharacters} are accepted", ErrorReasons.PromptTooLong);
        }
    }

    private static void CheckRole(Wire.ChatRole role, string field, int turn, ViolationList violations)
    {
        if (role == Wire.ChatRole.Unspecified)
        {
            violations.Add($"{field}[{turn}].role", "is required");
        }
        else
        {
            violations.RequireKnown(role, $"{field}[{turn}].role");
        }
    }

    private static void CheckParts(Wire.ChatMessage message, int imageCount, HashSet<int> placed, string field, int turn, ViolationList violations)
    {
        // An answer may have been empty; nobody asks nothing.
        if (message.Parts.Count == 0 && message.Role != Wire.ChatRole.Assistant)
        {
            violations.Add($"{field}[{turn}].parts", "is required: at least one part");
        }

        for (var j = 0; j < message.Parts.Count; j++)
        {
            var part = message.Parts[j];
            switch (part.ContentCase)
            {
                case Wire.ChatPart.ContentOneofCase.Text:
                    break;
                case Wire.ChatPart.ContentOneofCase.ImageIndex when part.ImageIndex < 0 || part.ImageIndex >= imageCount:
                    violations.Add(ImageIndex(j), $"is {part.ImageIndex}, but the request has {imageCount} images");
                    break;
                case Wire.ChatPart.ContentOneofCase.ImageIndex when message.Role is Wire.ChatRole.System or Wire.ChatRole.Assistant:
                    violations.Add(ImageIndex(j), "images can only be placed in user turns");
                    break;
                case Wire.ChatPart.ContentOneofCase.ImageIndex when !placed.Add(part.ImageIndex):
                    violations.Add(ImageIndex(j), $"image {part.ImageIndex} is placed a second time");
                    break;
                case Wire.ChatPart.ContentOneofCase.ImageIndex:
                    break;
                default:
                    violations.Add($"{field}[{turn}].parts[{j}]", "one of text and image_index is required");
                    break;
            }
        }

        string ImageIndex(int part) => $"{field}[{turn}].parts[{part}].image_index";
    }

    private static void CheckQuestion(IReadOnlyList<Wire.ChatMessage> messages, string field, ViolationList violations)
    {
        var (last, asked) = (messages.Count - 1, messages.Count - 1);
        while (asked >= 0 && messages[asked].Role == Wire.ChatRole.System)
        {
            asked--;
        }

        if (asked < 0 || messages[asked].Role == Wire.ChatRole.Assistant)
        {
            violations.Add($"{field}[{last}].role", "the last turn must be the user's; only instructions (system) may follow it");
        }
        else if (messages[asked].Role == Wire.ChatRole.User && messages[asked].Parts.Count > 0 && messages[asked].Parts.All(IsBlank))
        {
            violations.Add($"{field}[{asked}].parts", "the question is empty: the last user turn needs text or the place of an image");
        }
    }

    private static bool IsBlank(Wire.ChatPart part) => part.ContentCase == Wire.ChatPart.ContentOneofCase.Text && string.IsNullOrWhiteSpace(part.Text);
}
