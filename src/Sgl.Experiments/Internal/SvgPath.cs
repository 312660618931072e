using System.Globalization;
using System.Text.RegularExpressions;

namespace Sgl.Experiments.Internal;

/// <summary>Path data of straight pieces: M, l, h, V, z and their relatives.</summary>
internal static partial class SvgPath
{
    /// <summary>The pieces, scaled, and whether the path is closed.</summary>
    public static (List<(double X, double Y)[]> Points, bool Closed) Pieces(string data, double scale)
    {
        var pieces = new List<(double X, double Y)[]>();
        var points = new List<(double X, double Y)>();
        var (x, y, closed) = (0.0, 0.0, false);
        foreach (Match command in Command().Matches(data))
        {
            var letter = command.Value[0];
            var numbers = Value().Matches(command.Value).Select(m => double.Parse(m.Value, CultureInfo.InvariantCulture)).ToArray();
            var (fromX, fromY) = char.IsAsciiLetterLower(letter) ? (x, y) : (0, 0);
            switch (char.ToLowerInvariant(letter))
            {
                case 'm':
                    End();
                    (x, y) = (fromX + numbers[0], fromY + numbers[1]);
                    break;
                case 'l':
                    (x, y) = (fromX + numbers[0], fromY + numbers[1]);
                    break;
                case 'h':
                    x = fromX + numbers[0];
                    break;
                case 'v':
                    y = fromY + numbers[0];
                    break;
                default:
                    closed = true;
                    continue;
            }

            points.Add((scale * x, scale * y));
        }

        End();
        return (pieces, closed);

        void End()
        {
            if (points.Count > 0)
            {
                pieces.Add([.. points]);
                points.Clear();
            }
        }
    }

    [GeneratedRegex("[MmLlHhVvZz][^MmLlHhVvZz]*")]
    private static partial Regex Command();

    [GeneratedRegex(@"-?\d+(\.\d+)?")]
    private static partial Regex Value();
}
