using System.Globalization;
using System.Text.RegularExpressions;

namespace Sgl.Evaluation.Internal;

/// <summary>
/// The answer normalisation of the VQA challenge as the InternVL evaluation runs it for TextVQA. Its oddities are kept:
/// a "'s" is split off before contractions are looked up, the period rule's look-behind is mistyped so that a digit before a
/// period does not protect it, and only the first 32 periods are removed.
/// </summary>
internal static partial class VqaAnswerNormalizer
{
    private const int MaxPeriods = 32;

    private const string Punctuation = ";/[]\"{}()=+\\_-><@`,?!";

    private static readonly string[] Numbers =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

    private static readonly Dictionary<string, string> Spelled = Contractions();

    public static string Normalize(string answer)
    {
        var text = answer.ToLowerInvariant()
            .Replace(",", "", StringComparison.Ordinal)
            .Replace("?", "", StringComparison.Ordinal)
            .Replace("'s", " 's", StringComparison.Ordinal)
            .Trim()
            .Replace('\n', ' ')
            .Replace('\t', ' ')
            .Trim();
        var words = WithoutPunctuation(text).ToLowerInvariant()
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .Select(Digits)
            .Where(word => word is not ("a" or "an" or "the"))
            .Select(word => Spelled.GetValueOrDefault(word, word));
        return string.Join(' ', words);
    }

    private static string Digits(string word) => word == "none" ? "0"
        : Array.IndexOf(Numbers, word) is >= 0 and var number ? number.ToString(CultureInfo.InvariantCulture) : word;

    private static string WithoutPunctuation(string text)
    {
        var result = text;
        foreach (var p in Punctuation)
        {
            // The decision looks at the text before any replacement.
            var beside = text.Contains($"{p} ", StringComparison.Ordinal) || text.Contains($" {p}", StringComparison.Ordinal);
            result = result.Replace(p.ToString(), beside ? "" : " ", StringComparison.Ordinal);
        }

        return PeriodBeforeNoDigit().Replace(result, "", MaxPeriods);
    }

    [GeneratedRegex(@"\.(?!\d)")]
    private static partial Regex PeriodBeforeNoDigit();

    /// <summary>Every spelling that lacks one apostrophe leads to the right one; one entry of the original leads the wrong way.</summary>
    private static Dictionary<string, string> Contractions()
    {
        const string Right = """
            ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
            he's how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't mightn't've must've mustn't needn't not've
            o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's
            someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've
            there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's
            what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've
            wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've
            """;
        var map = new Dictionary<string, string>(StringComparer.Ordinal) { ["somebody'd"] = "somebodyd" };
        foreach (var word in Right.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            for (var i = word.IndexOf('\'', StringComparison.Ordinal); i >= 0; i = word.IndexOf('\'', i + 1))
            {
                map.Add(word.Remove(i, 1), word);
            }
        }

        return map;
    }
}
