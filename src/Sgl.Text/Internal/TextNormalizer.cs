using System.Text;

namespace Sgl.Text.Internal;

/// <summary>One step that changes a text before it is cut into words.</summary>
internal abstract record NormalizerStep
{
    public abstract string Apply(string text);

    /// <summary>Unicode normalisation form C.</summary>
    public sealed record Nfc : NormalizerStep
    {
        public override string Apply(string text) => text.Normalize(NormalizationForm.FormC);
    }

    /// <summary>A string in front of every text that is not empty.</summary>
    public sealed record Prepend(string Content) : NormalizerStep
    {
        public override string Apply(string text) => text.Length == 0 ? text : Content + text;
    }

    /// <summary>Every occurrence of a string exchanged for another.</summary>
    public sealed record Replace(string Pattern, string Content) : NormalizerStep
    {
        public override string Apply(string text) => text.Replace(Pattern, Content, StringComparison.Ordinal);
    }
}

/// <summary>A sequence of normaliser steps.</summary>
internal sealed class TextNormalizer(IReadOnlyList<NormalizerStep> steps)
{
    public string Apply(string text)
    {
        foreach (var step in steps)
        {
            text = step.Apply(text);
        }

        return text;
    }

    /// <summary>Where a position of the text lies in the normalised text.</summary>
    public int MapPosition(string text, int position) => position == 0 ? 0 : Apply(text[..position]).Length;
}
