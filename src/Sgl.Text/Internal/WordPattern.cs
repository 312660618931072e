using System.Buffers;
using System.Globalization;
using System.Text;

namespace Sgl.Text.Internal;

/// <summary>
/// The word-splitting expressions of the supported vocabularies, written out as scanners over code points: .NET's regular
/// expressions see UTF-16 units and would take a letter beyond the basic plane for a symbol.
/// </summary>
internal abstract class WordPattern
{
    private const string Gpt2Text = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private const string Qwen2Text =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Llama3Text =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The expression of GPT-2 and of plain ByteLevel pre-tokenizers.</summary>
    public static WordPattern Gpt2 { get; } = new Gpt2Pattern();

    /// <summary>The expression of Qwen2: every digit is a word.</summary>
    public static WordPattern Qwen2 { get; } = new ModernPattern(maxDigits: 1);

    /// <summary>The expression of Llama-3: up to three digits are a word.</summary>
    public static WordPattern Llama3 { get; } = new ModernPattern(maxDigits: 3);

    private enum Class
    {
        Letter,
        Number,
        Space,
        Other,
    }

    /// <summary>The scanner of an expression, or null when there is none.</summary>
    public static WordPattern? Find(string expression) => expression switch
    {
        Gpt2Text => Gpt2,
        Qwen2Text => Qwen2,
        Llama3Text => Llama3,
        _ => null,
    };

    /// <summary>The end of the word that begins at <paramref name="start"/>.</summary>
    public abstract int End(ReadOnlySpan<char> text, int start);

    private static Class At(ReadOnlySpan<char> text, int position, out int length)
    {
        var status = Rune.DecodeFromUtf16(text[position..], out var rune, out length);
        if (status != OperationStatus.Done)
        {
            length = 1;
            return Class.Other;
        }

        if (Rune.IsWhiteSpace(rune))
        {
            return Class.Space;
        }

        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Class.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Class.Number,
            _ => Class.Other,
        };
    }

    private static int Run(ReadOnlySpan<char> text, int position, Class wanted, int limit = int.MaxValue)
    {
        for (var i = 0; i < limit && position < text.Length && At(text, position, out var length) == wanted; i++)
        {
            position += length;
        }

        return position;
    }

    /// <summary>The end of <c>\s+(?!\S)|\s+</c>: a run of white space leaves its last character to the word behind it.</summary>
    private static int SpaceEnd(ReadOnlySpan<char> text, int start)
    {
        var end = Run(text, start, Class.Space);
        return end < text.Length && end - start > 1 ? end - 1 : end;
    }

    /// <summary>Length of a contraction like <c>'re</c> at <paramref name="start"/>, or 0.</summary>
    private static int Contraction(ReadOnlySpan<char> text, int start, bool anyCase)
    {
        if (text[start] != '\'' || start + 1 >= text.Length)
        {
            return 0;
        }

        var first = Fold(text[start + 1], anyCase);
        if (first is 's' or 't' or 'm' or 'd')
        {
            return 2;
        }

        if (start + 2 >= text.Length)
        {
            return 0;
        }

        return (first, Fold(text[start + 2], anyCase)) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    private static char Fold(char unit, bool anyCase) => !anyCase ? unit : unit switch
    {
        >= 'A' and <= 'Z' => (char)(unit | 0x20),
        '\u017F' => 's', // the long s folds to s
        _ => unit,
    };

    private sealed class Gpt2Pattern : WordPattern
    {
        public override int End(ReadOnlySpan<char> text, int start)
        {
            if (Contraction(text, start, anyCase: false) is > 0 and var contraction)
            {
                return start + contraction;
            }

            var word = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
            var wordClass = At(text, word, out _);
            return wordClass == Class.Space ? SpaceEnd(text, start) : Run(text, word, wordClass);
        }
    }

    private sealed class ModernPattern(int maxDigits) : WordPattern
    {
        public override int End(ReadOnlySpan<char> text, int start)
        {
            if (Contraction(text, start, anyCase: true) is > 0 and var contraction)
            {
                return start + contraction;
            }

            var first = At(text, start, out var length);
            var next = start + length;
            switch (first)
            {
                case Class.Letter:
                    return Run(text, next, Class.Letter);
                case Class.Number:
                    return Run(text, start, Class.Number, maxDigits);
            }

            if (text[start] is not ('\r' or '\n') && next < text.Length && At(text, next, out _) == Class.Letter)
            {
                return Run(text, next, Class.Letter);
            }

            var symbols = text[start] == ' ' && next < text.Length && At(text, next, out _) == Class.Other ? next : start;
            if (first == Class.Other || symbols == next)
            {
                var end = Run(text, symbols, Class.Other);
                while (end < text.Length && text[end] is '\r' or '\n')
                {
                    end++;
                }

                return end;
            }

            var spaceEnd = Run(text, start, Class.Space);
            var lastBreak = text[start..spaceEnd].LastIndexOfAny('\r', '\n');
            return lastBreak >= 0 ? start + lastBreak + 1 : SpaceEnd(text, start);
        }
    }
}
