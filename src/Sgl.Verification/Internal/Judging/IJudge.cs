namespace Sgl.Verification.Internal.Judging;

/// <summary>
/// Compares what a model computed with golden values, as exactly as its arithmetic allows. What is not computed by a model (pixels, positions, lengths) is compared elsewhere, and must be identical in
/// any arithmetic.
/// </summary>
internal interface IJudge
{
    /// <summary>Whether golden values themselves are asked for. Otherwise what follows from a choice is judged for the golden choice, so that one token more or less is not counted again behind it.</summary>
    bool IsExact { get; }

    /// <summary>Output of the vision tower.</summary>
    void Vision(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance);

    /// <summary>Logits.</summary>
    void Logits(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance);

    /// <summary>Logits of the steps of an answer, [steps, <paramref name="width"/>]: which id is the likeliest counts too.</summary>
    void Steps(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, int width, double tolerance);

    /// <summary>Importance of visual tokens.</summary>
    void Importance(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance);

    /// <summary>Logarithms of probabilities.</summary>
    /// <param name="quantity">Name.</param>
    /// <param name="actual">Found.</param>
    /// <param name="expected">Golden.</param>
    /// <param name="tolerance">In float32.</param>
    /// <param name="scale">Root mean square of the logits behind them.</param>
    void LogProbabilities(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double tolerance, double scale);

    /// <summary>Probabilities, given by their logarithms.</summary>
    /// <param name="quantity">Name.</param>
    /// <param name="logs">Found, as logarithms.</param>
    /// <param name="expected">Golden.</param>
    /// <param name="relative">Whether the tolerance is relative.</param>
    /// <param name="tolerance">In float32.</param>
    /// <param name="scale">Root mean square of the logits behind them.</param>
    void Probabilities(string quantity, float[] logs, float[] expected, bool relative, double tolerance, double scale);

    /// <summary>A product or mean of probabilities.</summary>
    /// <param name="quantity">Name.</param>
    /// <param name="actual">Found.</param>
    /// <param name="expected">Golden.</param>
    /// <param name="tolerance">In float32, relative.</param>
    /// <param name="scale">Root mean square of the logits behind them.</param>
    /// <param name="factors">How many probabilities.</param>
    void Score(string quantity, double actual, double expected, double tolerance, double scale, int factors);

    /// <summary>Generated ids.</summary>
    /// <param name="quantity">Name.</param>
    /// <param name="ids">Found.</param>
    /// <param name="expected">Golden.</param>
    /// <param name="logits">Golden logits, [steps, vocabulary]; empty: there are none.</param>
    Answer Answer(string quantity, IReadOnlyList<int> ids, IReadOnlyList<int> expected, float[] logits);

    /// <summary>Visual tokens that a ranking keeps.</summary>
    /// <param name="quantity">Name.</param>
    /// <param name="kept">Found.</param>
    /// <param name="expected">Golden.</param>
    /// <param name="ranking">The golden ranking; empty: it is not known.</param>
    /// <returns>Whether what follows can be compared with what follows from the golden ones.</returns>
    bool Kept(string quantity, IReadOnlyList<int> kept, IReadOnlyList<int> expected, ReadOnlySpan<float> ranking);
}
