using System.Globalization;
using System.Text.RegularExpressions;

namespace Sgl.Evaluation.Internal;

/// <summary>Reads what Python's <c>float()</c> reads, since the published scores were made with it.</summary>
internal static partial class PythonFloat
{
    /// <summary>Surrounding white space, underscores between digits, exponents, <c>inf</c> and <c>nan</c> are accepted.</summary>
    public static bool TryParse(string text, out double value)
    {
        text = text.Trim();
        if (Number().IsMatch(text))
        {
            return double.TryParse(
                text.Replace("_", "", StringComparison.Ordinal), NumberStyles.Float, CultureInfo.InvariantCulture, out value);
        }

        var match = Special().Match(text);
        value = match.Groups["nan"].Success ? double.NaN
            : match.Groups["minus"].Success ? double.NegativeInfinity : double.PositiveInfinity;
        return match.Success;
    }

    [GeneratedRegex(@"^[+-]?([0-9]+(_[0-9]+)*(\.([0-9]+(_[0-9]+)*)?)?|\.[0-9]+(_[0-9]+)*)([eE][+-]?[0-9]+(_[0-9]+)*)?$")]
    private static partial Regex Number();

    [GeneratedRegex("^((?<minus>-)|[+])?((?<nan>nan)|inf(inity)?)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Special();
}
