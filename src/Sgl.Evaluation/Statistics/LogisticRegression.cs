namespace Sgl.Evaluation;

/// <summary>Logistic regression by Newton's method on standardised inputs, with a small ridge so that separable samples have a solution.</summary>
public static class LogisticRegression
{
    private const double Ridge = 1;
    private const double Least = 1e-9;
    private const int MostSteps = 50;

    /// <summary>Fits <c>P(y = 1) = 1 / (1 + exp(-(b + w x)))</c>.</summary>
    /// <param name="inputs">x, [N][D], N at least 1, all finite.</param>
    /// <param name="targets">y, [N], 0 to 1: shares count as so much of both.</param>
    /// <returns>b and w, [D], of the inputs as they are given.</returns>
    public static (double Bias, double[] Weights) Fit(IReadOnlyList<double[]> inputs, IReadOnlyList<double> targets)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        if (inputs.Count == 0 || inputs.Count != targets.Count || inputs.Any(x => x.Length != inputs[0].Length || x.Any(v => !double.IsFinite(v))))
        {
            throw new EvaluationException("logistic regression needs at least one row, as many targets, and finite numbers");
        }

        var width = inputs[0].Length;
        var mean = new double[width];
        var scale = new double[width];
        for (var d = 0; d < width; d++)
        {
            mean[d] = inputs.Average(x => x[d]);
            scale[d] = Math.Sqrt(inputs.Average(x => (x[d] - mean[d]) * (x[d] - mean[d]))) + Least;
        }

        // The constant stands last.
        double[][] rows = [.. inputs.Select(x => (double[])[.. x.Select((v, d) => (v - mean[d]) / scale[d]), 1])];
        var weights = new double[width + 1];
        for (var step = 0; step < MostSteps; step++)
        {
            var change = Solve(Normal(rows, targets, weights));
            for (var d = 0; d <= width; d++)
            {
                weights[d] += change[d];
            }

            if (change.Max(Math.Abs) < Least)
            {
                break;
            }
        }

        double[] raw = [.. weights.Take(width).Select((w, d) => w / scale[d])];
        return (weights[width] - raw.Zip(mean, (w, m) => w * m).Sum(), raw);
    }

    /// <summary>The Newton step's equations, [D + 1][D + 2], the right-hand side last.</summary>
    private static double[][] Normal(double[][] rows, IReadOnlyList<double> targets, double[] weights)
    {
        var size = weights.Length;
        double[][] equations = [.. Enumerable.Range(0, size).Select(_ => new double[size + 1])];
        for (var n = 0; n < rows.Length; n++)
        {
            var row = rows[n];
            var p = 1 / (1 + Math.Exp(-row.Zip(weights, (x, w) => x * w).Sum()));
            var curvature = (p * (1 - p)) + Least;
            for (var i = 0; i < size; i++)
            {
                for (var j = 0; j < size; j++)
                {
                    equations[i][j] += curvature * row[i] * row[j];
                }

                equations[i][size] += row[i] * (targets[n] - p);
            }
        }

        // The constant is not held back.
        for (var i = 0; i < size - 1; i++)
        {
            equations[i][i] += Ridge;
            equations[i][size] -= Ridge * weights[i];
        }

        return equations;
    }

    /// <summary>Gauss with pivots.</summary>
    private static double[] Solve(double[][] a)
    {
        var size = a.Length;
        for (var column = 0; column < size; column++)
        {
            var pivot = Enumerable.Range(column, size - column).MaxBy(r => Math.Abs(a[r][column]));
            (a[column], a[pivot]) = (a[pivot], a[column]);
            for (var r = column + 1; r < size; r++)
            {
                var factor = a[r][column] / a[column][column];
                for (var c = column; c <= size; c++)
                {
                    a[r][c] -= factor * a[column][c];
                }
            }
        }

        var x = new double[size];
        for (var r = size - 1; r >= 0; r--)
        {
            x[r] = (a[r][size] - Enumerable.Range(r + 1, size - r - 1).Sum(c => a[r][c] * x[c])) / a[r][r];
        }

        return x;
    }
}
