using Sgl.Guidance;
using Wire = Sgl.V1;

namespace Sgl.SmallService;

/// <summary>Exit scores as messages.</summary>
internal static class WireScores
{
    /// <summary>A score that is not a number was not computed and stays absent.</summary>
    public static Wire.ExitScores From(ExitScoreSet scores)
    {
        var wire = new Wire.ExitScores();
        Set(scores.Confidence, v => wire.Confidence = v);
        Set(scores.Consistency, v => wire.Consistency = v);
        Set(scores.Decision, v => wire.Decision = v);
        Set(scores.Entropy, v => wire.Entropy = v);
        Set(scores.QuantileQ1, v => wire.QuantileQ1 = v);
        Set(scores.QuantileQ2, v => wire.QuantileQ2 = v);
        Set(scores.QuantileQ3, v => wire.QuantileQ3 = v);
        Set(scores.LengthNormalisedConsistency, v => wire.LengthNormalisedConsistency = v);
        return wire;
    }

    private static void Set(double score, Action<double> assign)
    {
        if (!double.IsNaN(score))
        {
            assign(score);
        }
    }
}
