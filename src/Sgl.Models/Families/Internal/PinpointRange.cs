using System.Globalization;
using System.Text.RegularExpressions;

namespace Sgl.Models.Internal;

/// <summary>LLaVA's short way to write a grid of resolutions: <c>(1x1),...,(6x6)</c>, in units of the image size.</summary>
internal static partial class PinpointRange
{
    private const int Most = 64;

    /// <summary>All pairs from the first to the last, the first number outermost; null when the text is not of this form.</summary>
    public static IReadOnlyList<(int First, int Second)>? TryParse(string? text, int imageSize)
    {
        if (text is null)
        {
            return null;
        }

        var pairs = Pair().Matches(text);
        if (pairs.Count == 0)
        {
            return null;
        }

        int Number(Match m, int group) => int.TryParse(m.Groups[group].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : 0;
        var (firstA, firstB, lastA, lastB) = (Number(pairs[0], 1), Number(pairs[0], 2), Number(pairs[^1], 1), Number(pairs[^1], 2));
        if (firstA < 1 || firstB < 1 || lastA < firstA || lastB < firstB || lastA > Most || lastB > Most)
        {
            return null;
        }

        return
        [
            .. from a in Enumerable.Range(firstA, lastA - firstA + 1)
               from b in Enumerable.Range(firstB, lastB - firstB + 1)
               select (a * imageSize, b * imageSize),
        ];
    }

    [GeneratedRegex(@"\((\d+)x(\d+)\)", RegexOptions.CultureInvariant)]
    private static partial Regex Pair();
}
