namespace Sgl.Verification.Internal.Judging;

/// <summary>How far an answer is the golden one. What a model computes behind another id is about another text.</summary>
/// <param name="Equal">Ids in front that are the golden ones.</param>
/// <param name="Whole">Whether all are, or whether everything is to be compared all the same.</param>
internal sealed record Answer(int Equal, bool Whole)
{
    /// <summary>Passes over the same text: the prefill, and one behind each equal id.</summary>
    public int Passes => Whole ? int.MaxValue : Equal + 1;

    /// <summary>Of numbers that every step has, those of steps over the same text.</summary>
    /// <param name="values">Numbers of all steps.</param>
    /// <param name="width">Numbers of a step.</param>
    public ReadOnlySpan<float> Seen(float[] values, int width) => Whole ? values : values.AsSpan(0, Math.Min(values.Length, (Equal + 1) * width));

    /// <summary>Of numbers about the ids that were chosen, those about equal ids.</summary>
    /// <param name="values">Numbers of all steps.</param>
    public ReadOnlySpan<float> Chosen(float[] values) => Whole ? values : values.AsSpan(0, Math.Min(values.Length, Equal));
}
