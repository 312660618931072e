namespace Sgl.Text;

/// <summary>Who speaks.</summary>
public enum ChatRole
{
    /// <summary>Instructions to the model.</summary>
    System,

    /// <summary>The person who asks.</summary>
    User,

    /// <summary>An earlier answer of the model.</summary>
    Assistant,
}

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="Parts">Texts and images in the order in which they are read.</param>
public sealed record ChatMessage(ChatRole Role, IReadOnlyList<ChatPart> Parts);

/// <summary>A part of a message.</summary>
public abstract record ChatPart
{
    private ChatPart()
    {
    }

    /// <summary>Text.</summary>
    /// <param name="Value">The text as typed; nothing in it is taken for an image.</param>
    public sealed record Text(string Value) : ChatPart;

    /// <summary>The place of an image.</summary>
    /// <param name="Index">Which image of the request, from 0.</param>
    public sealed record Image(int Index) : ChatPart;
}
