namespace Sgl.Client.Internal.Chat;

/// <summary>Text of tokens as it may be told: without the white space around the answer, so that a stream adds up to the answer as a whole.</summary>
internal sealed class AnswerText
{
    private string _held = "";
    private bool _begun;

    /// <summary>What can be told now; white space waits for the text behind it.</summary>
    public string Take(string token)
    {
        var text = _held + token;
        text = _begun ? text : text.TrimStart();
        var sure = text.TrimEnd();
        _begun |= sure.Length > 0;
        _held = text[sure.Length..];
        return sure;
    }
}
