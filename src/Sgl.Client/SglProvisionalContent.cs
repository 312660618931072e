using Microsoft.Extensions.AI;

namespace Sgl.Client;

/// <summary>A piece of the small model's answer before the decision whether it is final. No part of the answer: that comes whole, as text, from whichever model gives it.</summary>
public sealed class SglProvisionalContent : AIContent
{
    internal SglProvisionalContent(string text) => Text = text;

    /// <summary>The text.</summary>
    public string Text { get; }
}
