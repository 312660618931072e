using System.Text.RegularExpressions;
using Sgl.Evaluation.Internal;

namespace Sgl.Evaluation;

/// <summary>An axis-parallel box by its corners. Float32, as the reference computes.</summary>
/// <param name="X1">Left.</param>
/// <param name="Y1">Top.</param>
/// <param name="X2">Right.</param>
/// <param name="Y2">Bottom.</param>
public readonly partial record struct BoundingBox(float X1, float Y1, float X2, float Y2)
{
    /// <summary>
    /// The first <c>[x1,y1,x2,y2]</c> of an answer, as shares of width and height; all zero where there is none. Numbers that
    /// add up to 4 or more are taken as thousandths, smaller ones as shares already.
    /// </summary>
    public static BoundingBox FromAnswer(string answer)
    {
        var match = Pattern().Match(answer);
        Span<float> values = stackalloc float[4];
        for (var i = 0; i < 4; i++)
        {
            if (!match.Success || !PythonFloat.TryParse(match.Groups[i + 1].Value, out var value))
            {
                return default;
            }

            values[i] = (float)value;
        }

        var divisor = values[0] + values[1] + values[2] + values[3] >= 4 ? 1000 : 1;
        return new BoundingBox(values[0] / divisor, values[1] / divisor, values[2] / divisor, values[3] / divisor);
    }

    /// <summary>The box with x times <paramref name="width"/> and y times <paramref name="height"/>.</summary>
    public BoundingBox Scaled(float width, float height) => new(X1 * width, Y1 * height, X2 * width, Y2 * height);

    /// <summary>Intersection over union. NaN for two empty boxes.</summary>
    public float IntersectionOverUnion(BoundingBox other)
    {
        var width = Math.Max(0, Math.Min(X2, other.X2) - Math.Max(X1, other.X1));
        var height = Math.Max(0, Math.Min(Y2, other.Y2) - Math.Max(Y1, other.Y1));
        var intersection = width * height;
        return intersection / (Area + other.Area - intersection);
    }

    private float Area => (X2 - X1) * (Y2 - Y1);

    [GeneratedRegex(@"\[*\[(.*?),(.*?),(.*?),(.*?)\]\]*")]
    private static partial Regex Pattern();
}
