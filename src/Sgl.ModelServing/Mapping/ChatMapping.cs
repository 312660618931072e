using Sgl.Text;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>Turns from the wire to turns of the prompt templates.</summary>
internal static class ChatMapping
{
    /// <summary>The turns, which <see cref="ChatRules"/> has accepted.</summary>
    public static IReadOnlyList<ChatMessage> From(IReadOnlyList<Wire.ChatMessage> messages) =>
        [.. messages.Select(m => new ChatMessage(Role(m.Role), [.. m.Parts.Select(Part)]))];

    private static ChatRole Role(Wire.ChatRole role) => role switch
    {
        Wire.ChatRole.System => ChatRole.System,
        Wire.ChatRole.User => ChatRole.User,
        Wire.ChatRole.Assistant => ChatRole.Assistant,
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "was not refused"),
    };

    private static ChatPart Part(Wire.ChatPart part) => part.ContentCase == Wire.ChatPart.ContentOneofCase.ImageIndex
        ? new ChatPart.Image(part.ImageIndex)
        : new ChatPart.Text(part.Text);
}
