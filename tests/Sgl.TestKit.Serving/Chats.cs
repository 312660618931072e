using Wire = Sgl.V1;

namespace Sgl.TestKit.Serving;

/// <summary>Turns of a chat.</summary>
public static class Chats
{
    /// <summary>A user turn of text.</summary>
    public static Wire.ChatMessage User(string text) => Turn(Wire.ChatRole.User, Words(text));

    /// <summary>A turn.</summary>
    public static Wire.ChatMessage Turn(Wire.ChatRole role, params Wire.ChatPart[] parts)
    {
        var message = new Wire.ChatMessage { Role = role };
        message.Parts.AddRange(parts);
        return message;
    }

    /// <summary>A part of text.</summary>
    public static Wire.ChatPart Words(string text) => new() { Text = text };

    /// <summary>The place of an image.</summary>
    public static Wire.ChatPart Picture(int index) => new() { ImageIndex = index };
}
