namespace Sgl.Verification.Internal.Judging;

/// <summary>How many choices of all cases are float32's: as mixed-precision inference is judged, since a single case's may hang on a tie.</summary>
internal sealed class Agreement
{
    private int _steps;
    private int _sameSteps;
    private int _kept;
    private int _sameKept;

    /// <summary>Counts a step over the golden text.</summary>
    /// <param name="same">Whether its likeliest id is the golden one.</param>
    public void AddStep(bool same)
    {
        _steps++;
        _sameSteps += same ? 1 : 0;
    }

    /// <summary>Counts a kept set.</summary>
    /// <param name="same">Tokens that the golden set has too.</param>
    /// <param name="all">Tokens of the golden set.</param>
    public void AddKept(int same, int all)
    {
        _kept += all;
        _sameKept += same;
    }

    /// <summary>The shares that differ, and what may.</summary>
    public CaseReport Report(Noise noise) => new(
        "all cases",
        [
            Check("argmax_agreement", _steps - _sameSteps, _steps, noise.OtherSteps, "steps have another likeliest id"),
            Check("kept_overlap", _kept - _sameKept, _kept, noise.OtherKept, "kept tokens are others"),
        ]);

    private static QuantityCheck Check(string quantity, int different, int all, double allowed, string what) =>
        new(quantity, all == 0 ? 0 : (double)different / all, allowed, $"{different} of {all} {what}");
}
