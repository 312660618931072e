using System.Globalization;
using System.Numerics.Tensors;

namespace Sgl.Verification.Internal.Judging;

/// <summary>
/// A rounded arithmetic: values have to be as near to the golden ones as <see cref="Noise"/> allows, in the root mean square and, with <see cref="Peak"/> times as much, each of them; where something is
/// chosen, another choice has to be as good within that noise (an id whose golden logit, a token whose golden importance is as near to that of the one it stands for), and how many choices agree
/// is judged over all cases (<see cref="Agreement"/>). A value that is wrong by more than rounding fails all the same.
/// </summary>
/// <param name="comparison">Collects.</param>
/// <param name="noise">What the arithmetic may change.</param>
/// <param name="towerLayers">Layers of the vision tower.</param>
/// <param name="layers">Layers of the decoder.</param>
/// <param name="agreement">Counts choices over all cases.</param>
internal sealed class RoundedJudge(Comparison comparison, Noise noise, int towerLayers, int layers, Agreement agreement) : IJudge
{
    /// <summary>
    /// Single values against the root mean square. Of a million independent errors the largest is 5 times as large; rows differ in how much of them cancels, so errors are not spread evenly either.
    /// </summary>
    public const double Peak = 8;

    /// <summary>
    /// How far the golden values of two choices may lie apart that are taken for each other, against the root mean square's bound: twice the standard deviation of a difference, which is sqrt(2) times one
    /// value's.
    /// </summary>
    public const double Tie = 3;

    /// <summary>Logarithms of probabilities: a logit less the logarithm of a sum of all, each of which may be off by twice the root mean square's bound.</summary>
    public const double Logarithm = 4;

    // Products of many small probabilities leave the range of numbers.
    private const double Smallest = 1e-30;

    private readonly double _vision = noise.Behind(towerLayers);
    private readonly double _decoder = noise.Behind(towerLayers + layers);

    public bool IsExact => false;

    public void Vision(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance) => Near(quantity, actual, expected, _vision);

    public void Logits(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance) => Near(quantity, actual, expected, _decoder);

    public void Steps(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, int width, double tolerance)
    {
        Near(quantity, actual, expected, _decoder);
        for (var at = 0; at + width <= Math.Min(actual.Length, expected.Length); at += width)
        {
            agreement.AddStep(TensorPrimitives.IndexOfMax(actual.Slice(at, width)) == TensorPrimitives.IndexOfMax(expected.Slice(at, width)));
        }
    }

    /// <summary>Attention is a probability: each token's is off by a share of itself, and of what tokens have on average, since all of a row sum up to 1.</summary>
    public void Importance(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance)
    {
        var mean = Mean(expected);
        Near(quantity, actual, expected, _decoder, value => Math.Max(Math.Abs(value), mean));
    }

    public void LogProbabilities(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance, double scale) =>
        comparison.Floats(quantity, actual, expected, Logarithm * _decoder * scale);

    public void Probabilities(string quantity, float[] logs, float[] expected, bool relative, double tolerance, double scale)
    {
        if (logs.Length != expected.Length)
        {
            comparison.Floats(quantity, logs, expected, Logarithm * _decoder * scale);
            return;
        }

        // As logarithms: a product of them is what a score is made of.
        var large = Enumerable.Range(0, expected.Length).Where(i => expected[i] > Smallest).ToList();
        comparison.Floats(quantity, [.. large.Select(i => logs[i])], [.. large.Select(i => MathF.Log(expected[i]))], Logarithm * _decoder * scale);
    }

    public void Score(string quantity, double actual, double expected, double tolerance, double scale, int factors)
    {
        var error = expected < Smallest ? actual < Smallest ? 0 : double.PositiveInfinity : Math.Abs(Math.Log(actual / expected));
        var allowed = Logarithm * _decoder * scale * factors;
        comparison.Add(quantity, error, allowed, error <= allowed ? null : $"expected {expected}, found {actual}; the error is that of the logarithm");
    }

    public Answer Answer(string quantity, IReadOnlyList<int> ids, IReadOnlyList<int> expected, float[] logits)
    {
        var equal = 0;
        while (equal < Math.Min(ids.Count, expected.Count) && ids[equal] == expected[equal])
        {
            equal++;
        }

        var allowed = Tie * _decoder;
        if (equal == ids.Count && equal == expected.Count)
        {
            comparison.Add(quantity, 0, allowed, null);
            return new Answer(equal, Whole: true);
        }

        var gap = double.PositiveInfinity;
        var width = logits.Length / Math.Max(1, expected.Count);
        if (equal < ids.Count && equal < expected.Count && width > Math.Max(ids[equal], expected[equal]))
        {
            var row = logits.AsSpan(equal * width, width);
            var difference = (double)row[expected[equal]] - row[ids[equal]];
            // A likelier id that was not the golden choice was not allowed to be chosen.
            gap = difference < 0 ? double.PositiveInfinity : difference / Size(row);
        }

        comparison.Add(
            quantity,
            gap,
            allowed,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{(gap <= allowed ? "as good within the noise: " : "")}id {equal} is {(equal < ids.Count ? ids[equal] : "missing")} instead of {(equal < expected.Count ? expected[equal] : "none")}; what follows is not compared"));
        return new Answer(equal, Whole: false);
    }

    public bool Kept(string quantity, IReadOnlyList<int> kept, IReadOnlyList<int> expected, ReadOnlySpan<float> ranking)
    {
        int[] missing = [.. expected.Except(kept)], added = [.. kept.Except(expected)];
        agreement.AddKept(expected.Count - missing.Length, expected.Count);
        var allowed = Tie * _decoder;
        if (missing.Length == 0 && added.Length == 0)
        {
            comparison.Add(quantity, 0, allowed, null);
            return true;
        }

        var gap = double.PositiveInfinity;
        if (missing.Length == added.Length && missing.Concat(added).All(t => t >= 0) && missing.Concat(added).Max() < ranking.Length)
        {
            var mean = Mean(ranking);
            double best = double.NegativeInfinity, least = double.PositiveInfinity;
            foreach (var token in missing)
            {
                best = Math.Max(best, ranking[token]);
            }

            foreach (var token in added)
            {
                least = Math.Min(least, ranking[token]);
            }

            gap = Math.Max(0, best - least) / Math.Max(Math.Abs(best), mean);
        }

        comparison.Add(
            quantity,
            gap,
            allowed,
            string.Create(CultureInfo.InvariantCulture, $"{(gap <= allowed ? "as good within the noise: " : "")}{missing.Length} of {expected.Count} are others, [{string.Join(' ', added.Take(20))}] for [{string.Join(' ', missing.Take(20))}]"));
        return false;
    }

    private void Near(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance)
    {
        var size = Size(expected);
        Near(quantity, actual, expected, tolerance, _ => size);
    }

    /// <param name="quantity">Name.</param>
    /// <param name="actual">Found.</param>
    /// <param name="expected">Golden.</param>
    /// <param name="tolerance">Allowed in the root mean square.</param>
    /// <param name="scale">What the error of a value counts against.</param>
    private void Near(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance, Func<float, double> scale)
    {
        if (actual.Length != expected.Length)
        {
            comparison.Add(quantity, double.PositiveInfinity, tolerance, $"expected {expected.Length} values, found {actual.Length}");
            return;
        }

        double sum = 0, worst = 0;
        var at = 0;
        for (var i = 0; i < actual.Length; i++)
        {
            var error = Math.Abs((double)actual[i] - expected[i]) / Math.Max(scale(expected[i]), Smallest);
            sum += error * error;
            if (!(error <= worst))
            {
                (worst, at) = (error, i);
            }
        }

        var mean = Math.Sqrt(sum / Math.Max(1, actual.Length));
        var found = double.IsNaN(mean) ? double.NaN : Math.Max(mean, worst / Peak);
        comparison.Add(
            quantity,
            found,
            tolerance,
            found <= tolerance ? null : string.Create(CultureInfo.InvariantCulture, $"{mean:0.0e+0} in the root mean square, most at {at}: expected {expected[at]}, found {actual[at]}"));
    }

    /// <summary>Root mean square.</summary>
    public static double Size(ReadOnlySpan<float> values) => values.IsEmpty ? 0 : Math.Sqrt(TensorPrimitives.SumOfSquares(values) / (double)values.Length);

    private static double Mean(ReadOnlySpan<float> values) => values.IsEmpty ? 0 : TensorPrimitives.SumOfMagnitudes(values) / (double)values.Length;
}
