using Microsoft.AspNetCore.Authentication;

namespace Sgl.Access.Internal;

/// <summary>Why nobody knows who makes a request.</summary>
/// <param name="reason">Value of the label <c>reason</c>.</param>
/// <param name="message">What the client is told; nothing of what it sent.</param>
internal sealed class Unknown(string reason, string message) : Exception(message)
{
    public static Unknown NoKey { get; } = new("no_key", "No API key. Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.");

    public static Unknown Ambiguous { get; } = new("no_key", "Send one API key, in one of the headers Authorization and x-api-key.");

    public static Unknown WrongKey { get; } = new("wrong_key", "The API key is not one of this server.");

    public static Unknown Expired { get; } = new("expired_key", "The API key has expired.");

    public static Unknown BadToken { get; } = new("bad_token", "The token is not accepted: its signature, issuer, audience, scope or time is not what this server asks for.");

    public string Reason => reason;

    public AuthenticateResult ToResult() => AuthenticateResult.Fail(this);
}
