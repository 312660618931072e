namespace Sgl.Text.Internal;

/// <summary>A run of characters that is merged on its own.</summary>
/// <param name="Text">The string that holds it.</param>
/// <param name="Start">Index of its first unit.</param>
/// <param name="Length">Number of units.</param>
/// <param name="AtStart">Whether it begins where the whole input begins.</param>
internal readonly record struct Word(string Text, int Start, int Length, bool AtStart)
{
    public ReadOnlySpan<char> Span => Text.AsSpan(Start, Length);

    public Word Slice(int start, int length) => new(Text, Start + start, length, AtStart && start == 0);
}

/// <summary>One step that cuts words into smaller ones.</summary>
internal abstract record PreTokenizerStep
{
    public abstract void Apply(Word word, List<Word> output);

    /// <summary>Cuts by an expression; what matches and what lies between are words.</summary>
    public sealed record Split(WordPattern Pattern) : PreTokenizerStep
    {
        public override void Apply(Word word, List<Word> output)
        {
            var text = word.Span;
            for (var start = 0; start < text.Length;)
            {
                var end = Pattern.End(text, start);
                output.Add(word.Slice(start, end - start));
                start = end;
            }
        }
    }

    /// <summary>A space in front of every word that has none.</summary>
    public sealed record PrefixSpace : PreTokenizerStep
    {
        public override void Apply(Word word, List<Word> output)
        {
            if (word.Length == 0 || word.Span[0] == ' ')
            {
                output.Add(word);
                return;
            }

            var text = string.Concat(" ", word.Span);
            output.Add(new(text, 0, text.Length, word.AtStart));
        }
    }

    /// <summary>Spaces become a visible character, and may begin words.</summary>
    public sealed record Metaspace(char Replacement, bool PrependFirst, bool PrependAlways, bool SplitWords) : PreTokenizerStep
    {
        public override void Apply(Word word, List<Word> output)
        {
            var text = word.Span.ToString().Replace(' ', Replacement);
            if (text.Length > 0 && text[0] != Replacement && (PrependAlways || (PrependFirst && word.AtStart)))
            {
                text = Replacement + text;
            }

            if (!SplitWords)
            {
                output.Add(new(text, 0, text.Length, word.AtStart));
                return;
            }

            for (var start = 0; start < text.Length;)
            {
                var next = text.IndexOf(Replacement, start + 1);
                var end = next < 0 ? text.Length : next;
                output.Add(new(text, start, end - start, word.AtStart && start == 0));
                start = end;
            }
        }
    }
}
