namespace Sgl.Evaluation;

/// <summary>
/// The rising step function with the smallest squared error (pool adjacent violators): turns an exit score into a probability
/// of being right without assuming a shape, only that surer means at least as often right.
/// </summary>
public sealed class IsotonicRegression
{
    private readonly double[] _x;
    private readonly double[] _y;

    private IsotonicRegression(double[] x, double[] y) => (_x, _y) = (x, y);

    /// <summary>Fits y over x; equal x share one value.</summary>
    /// <param name="points">At least one; none may be NaN.</param>
    public static IsotonicRegression Fit(IEnumerable<(double X, double Y)> points)
    {
        var ordered = points.GroupBy(p => p.X).OrderBy(g => g.Key)
            .Select(g => (X: g.Key, Y: g.Average(p => p.Y), Weight: (double)g.Count())).ToArray();
        if (ordered.Length == 0 || ordered.Any(p => double.IsNaN(p.X) || double.IsNaN(p.Y)))
        {
            throw new EvaluationException("isotonic regression needs at least one point, and no NaN");
        }

        var blocks = new Stack<(double Y, double Weight, int First)>();
        for (var i = 0; i < ordered.Length; i++)
        {
            var block = (ordered[i].Y, ordered[i].Weight, First: i);
            while (blocks.TryPeek(out var left) && left.Y >= block.Y)
            {
                blocks.Pop();
                var weight = left.Weight + block.Weight;
                block = (((left.Y * left.Weight) + (block.Y * block.Weight)) / weight, weight, left.First);
            }

            blocks.Push(block);
        }

        var y = new double[ordered.Length];
        var end = ordered.Length;
        foreach (var block in blocks)
        {
            Array.Fill(y, block.Y, block.First, end - block.First);
            end = block.First;
        }

        return new IsotonicRegression([.. ordered.Select(p => p.X)], y);
    }

    /// <summary>The fitted value: between two known x a straight line, outside them the nearest one's. NaN for NaN.</summary>
    public double Predict(double x)
    {
        if (double.IsNaN(x))
        {
            return double.NaN;
        }

        var at = Array.BinarySearch(_x, x);
        if (at >= 0)
        {
            return _y[at];
        }

        at = ~at;
        if (at == 0 || at == _x.Length)
        {
            return _y[Math.Min(at, _x.Length - 1)];
        }

        return _y[at - 1] + ((x - _x[at - 1]) / (_x[at] - _x[at - 1]) * (_y[at] - _y[at - 1]));
    }
}
