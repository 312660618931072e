using System.Numerics;
using System.Numerics.Tensors;

namespace Sgl.Guidance;

/// <summary>
/// Important visual tokens that also differ from each other, so that near copies do not take each other's place. Both rules are greedy and work on the cosine
/// similarity <c>c_ij</c> of the visual features. Ours for guidance by another model.
/// </summary>
public static class DiverseSelection
{
    /// <summary>The largest w: beyond it only the most important tokens have a quality above 0.</summary>
    public const double HighestWeight = 100;

    /// <summary>
    /// Most N m^2 of the determinantal choice, some seconds of one core. Beyond it the first tokens are chosen by it and the rest by importance: with
    /// 1,792 tokens (seven tiles of 256) there is no such rest, of 16,000 tokens 790 are chosen, of 30,000 there are 577.
    /// </summary>
    private const double MostWork = 1e10;

    /// <summary>What is wrong with a weight w; null: nothing.</summary>
    public static string? WeightProblem(double weight) =>
        weight is >= 0 and <= HighestWeight ? null : FormattableString.Invariant($"must be from 0 (features alone) to {HighestWeight}, was {weight}");

    /// <summary>
    /// The most probable set of a determinantal point process, <c>argmax det(L_S)</c> with <c>L_ij = q_i c_ij q_j</c> and <c>q_i = (A_i / max A)^w</c>, by the greedy algorithm of
    /// Chen et al. (2018) in O(N m^2 + N m D). (DPP with conditional quality: CDPruner, Zhang et al. 2025.)
    /// </summary>
    /// <param name="importance">A, [N].</param>
    /// <param name="features">Visual features, [N, D] by rows.</param>
    /// <param name="count">m, how many are chosen, 0 to N.</param>
    /// <param name="weight">w: 0 looks at features alone, large values at importance alone.</param>
    /// <param name="cancellationToken">Ends it between two tokens; it takes seconds at most, since of many tokens not all are chosen in this way.</param>
    /// <returns>The chosen tokens in the order of choice.</returns>
    /// <exception cref="GuidanceException">A NaN in the importance, or shapes that do not fit.</exception>
    public static int[] Determinantal(ReadOnlySpan<float> importance, ReadOnlySpan<float> features, int count, double weight, CancellationToken cancellationToken = default)
    {
        var unit = Directions(importance, features, count, out var width);
        var quality = Quality(importance, weight);
        var tokens = importance.Length;
        var gain = new double[tokens];
        for (var i = 0; i < tokens; i++)
        {
            gain[i] = quality[i] * quality[i];
        }

        // No more than D of the features are independent.
        var most = tokens == 0 ? 0 : (int)Math.Min(Math.Min(count, width), Math.Sqrt(MostWork / tokens));

        // Rows of the Cholesky factor, one for each chosen token.
        var factor = new double[most][];
        var chosen = new List<int>(count);
        var taken = new bool[tokens];
        while (chosen.Count < most)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var best = Best(gain, taken);
            if (gain[best] <= 1e-12)
            {
                break;
            }

            var row = factor[chosen.Count] = new double[tokens];
            for (var i = 0; i < tokens; i++)
            {
                row[i] = taken[i] ? 0 : quality[best] * quality[i] * Dot(unit.AsSpan(best * width, width), unit.AsSpan(i * width, width));
            }

            for (var k = 0; k < chosen.Count; k++)
            {
                TensorPrimitives.MultiplyAdd(factor[k], -factor[k][best], row, row);
            }

            var root = Math.Sqrt(gain[best]);
            for (var i = 0; i < tokens; i++)
            {
                row[i] /= root;
                gain[i] -= row[i] * row[i];
            }

            taken[best] = true;
            chosen.Add(best);
        }

        return Filled(chosen, taken, importance, count);
    }

    /// <summary>
    /// Farthest points first: each next token has the largest <c>q_i min_j (1 - c_ij)</c> over the chosen j, the first the largest q. (Max-min diversity without importance:
    /// DivPrune, Alvar et al. 2025.) O(N m D).
    /// </summary>
    /// <inheritdoc cref="Determinantal"/>
    public static int[] MaxMin(ReadOnlySpan<float> importance, ReadOnlySpan<float> features, int count, double weight)
    {
        var unit = Directions(importance, features, count, out var width);
        var quality = Quality(importance, weight);
        var gain = (double[])quality.Clone();
        var nearest = new double[quality.Length];
        Array.Fill(nearest, double.PositiveInfinity);
        var chosen = new List<int>(count);
        var taken = new bool[quality.Length];
        while (chosen.Count < count)
        {
            var best = Best(gain, taken);
            taken[best] = true;
            chosen.Add(best);
            for (var i = 0; i < gain.Length; i++)
            {
                nearest[i] = Math.Min(nearest[i], Math.Max(0, 1 - Dot(unit.AsSpan(best * width, width), unit.AsSpan(i * width, width))));
                gain[i] = quality[i] * nearest[i];
            }
        }

        return [.. chosen];
    }

    private static float[] Directions(ReadOnlySpan<float> importance, ReadOnlySpan<float> features, int count, out int width)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, importance.Length);
        // Finds what is not a number.
        _ = Ranking.Descending(importance);
        if (importance.IsEmpty ? !features.IsEmpty : features.Length % importance.Length != 0 || features.IsEmpty)
        {
            throw new GuidanceException("features", $"{features.Length} numbers are no rows for {importance.Length} visual tokens");
        }

        width = importance.IsEmpty ? 0 : features.Length / importance.Length;
        var unit = features.ToArray();
        for (var i = 0; i < importance.Length; i++)
        {
            var row = unit.AsSpan(i * width, width);
            var norm = MathF.Sqrt(Dot(row, row));
            var scale = norm > 0 ? 1 / norm : 0;
            foreach (ref var value in row)
            {
                value *= scale;
            }
        }

        return unit;
    }

    private static double[] Quality(ReadOnlySpan<float> importance, double weight)
    {
        var largest = 0f;
        foreach (var value in importance)
        {
            largest = Math.Max(largest, value);
        }

        var quality = new double[importance.Length];
        for (var i = 0; i < quality.Length; i++)
        {
            quality[i] = largest > 0 ? Math.Pow(Math.Max(0, importance[i]) / largest, weight) : 1;
        }

        return quality;
    }

    private static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var sum = Vector<float>.Zero;
        var at = 0;
        for (; at <= a.Length - Vector<float>.Count; at += Vector<float>.Count)
        {
            sum += new Vector<float>(a[at..]) * new Vector<float>(b[at..]);
        }

        var dot = Vector.Sum(sum);
        for (; at < a.Length; at++)
        {
            dot += a[at] * b[at];
        }

        return dot;
    }

    /// <summary>The largest gain that is not taken; of equal ones the first, so that every machine chooses alike.</summary>
    private static int Best(double[] gain, bool[] taken)
    {
        var best = -1;
        for (var i = 0; i < gain.Length; i++)
        {
            if (!taken[i] && (best < 0 || gain[i] > gain[best]))
            {
                best = i;
            }
        }

        return best;
    }

    /// <summary>Where more tokens are wanted than features can tell apart, or than can be chosen in time, importance alone chooses the rest.</summary>
    private static int[] Filled(List<int> chosen, bool[] taken, ReadOnlySpan<float> importance, int count)
    {
        foreach (var token in Ranking.Descending(importance))
        {
            if (chosen.Count == count)
            {
                break;
            }

            if (!taken[token])
            {
                chosen.Add(token);
            }
        }

        return [.. chosen];
    }
}
