using Microsoft.Extensions.AI;
using Sgl.Client.Internal.Chat;

namespace Sgl.Client;

/// <summary>A router as a chat client of Microsoft.Extensions.AI.</summary>
public static class SglChatClientExtensions
{
    /// <summary>
    /// The router as an <see cref="IChatClient"/>. Texts of a stream add up to the answer: what the small model says while nobody knows whether it is final is held back, or told apart as
    /// <see cref="SglProvisionalContent"/>, which is no part of <see cref="ChatResponse.Text"/>. Where the large model breaks off in the middle and the small answer would have to stand in, a stream ends
    /// with <see cref="SglException"/> and that answer in <see cref="SglPropertyNames.SmallAnswer"/>, since texts cannot be taken back. What options ask for that the router cannot do is refused with
    /// <see cref="NotSupportedException"/>, never dropped.
    /// </summary>
    /// <param name="client">The client; not disposed with the chat client.</param>
    /// <param name="provisional">Whether the small model's tokens are told as they come.</param>
    public static IChatClient AsIChatClient(this SglClient client, bool provisional = false)
    {
        ArgumentNullException.ThrowIfNull(client);
        return new SglChatClient(client, provisional);
    }
}
