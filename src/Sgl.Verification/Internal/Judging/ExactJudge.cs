namespace Sgl.Verification.Internal.Judging;

/// <summary>float32: the tolerances of the golden sets, and identity where something is chosen.</summary>
internal sealed class ExactJudge(Comparison comparison) : IJudge
{
    public bool IsExact => true;

    public void Vision(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance) => comparison.Floats(quantity, actual, expected, tolerance);

    public void Logits(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance) => comparison.Floats(quantity, actual, expected, tolerance);

    public void Steps(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, int width, double tolerance) => comparison.Floats(quantity, actual, expected, tolerance);

    public void Importance(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance) => comparison.Floats(quantity, actual, expected, tolerance);

    public void LogProbabilities(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance, double scale) =>
        comparison.Floats(quantity, actual, expected, tolerance);

    public void Probabilities(string quantity, float[] logs, float[] expected, bool relative, double tolerance, double scale)
    {
        float[] actual = [.. logs.Select(MathF.Exp)];
        if (relative)
        {
            comparison.Floats(quantity, [.. actual.Zip(expected, (a, e) => a / e)], [.. expected.Select(_ => 1f)], tolerance);
        }
        else
        {
            comparison.Floats(quantity, actual, expected, tolerance);
        }
    }

    public void Score(string quantity, double actual, double expected, double tolerance, double scale, int factors) => comparison.Relative(quantity, actual, expected, tolerance);

    public Answer Answer(string quantity, IReadOnlyList<int> ids, IReadOnlyList<int> expected, float[] logits)
    {
        comparison.Identical(quantity, ids, expected);
        return new Answer(expected.Count, Whole: true);
    }

    public bool Kept(string quantity, IReadOnlyList<int> kept, IReadOnlyList<int> expected, ReadOnlySpan<float> ranking)
    {
        comparison.Identical(quantity, kept, expected);
        return true;
    }
}
