namespace Sgl.Evaluation;

/// <summary>One bar of a reliability diagram.</summary>
/// <param name="Low">Scores from here (inclusive).</param>
/// <param name="High">To here (exclusive; inclusive in the last bin).</param>
/// <param name="Count">Questions in the bin.</param>
/// <param name="MeanScore">Mean exit score, NaN in an empty bin.</param>
/// <param name="Accuracy">Mean metric score, NaN in an empty bin.</param>
public readonly record struct ReliabilityBin(double Low, double High, int Count, double MeanScore, double Accuracy);

/// <summary>How well a score between 0 and 1 works as a probability of being right.</summary>
public sealed class Reliability
{
    private Reliability(ReliabilityBin[] bins, double error) => (Bins, ExpectedCalibrationError) = (bins, error);

    /// <summary>Equally wide bins from 0 to 1.</summary>
    public IReadOnlyList<ReliabilityBin> Bins { get; }

    /// <summary>ECE: mean over the questions of |accuracy - mean score| of their bin.</summary>
    public double ExpectedCalibrationError { get; }

    /// <summary>Sorts questions into bins; NaN scores are left out.</summary>
    /// <param name="samples">Score and metric score of each question.</param>
    /// <param name="bins">How many.</param>
    public static Reliability Of(IEnumerable<(double Score, double Right)> samples, int bins = 10)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentOutOfRangeException.ThrowIfLessThan(bins, 1);
        var count = new int[bins];
        var score = new double[bins];
        var right = new double[bins];
        var total = 0;
        foreach (var sample in samples.Where(s => !double.IsNaN(s.Score)))
        {
            var bin = Math.Clamp((int)(sample.Score * bins), 0, bins - 1);
            count[bin]++;
            score[bin] += sample.Score;
            right[bin] += sample.Right;
            total++;
        }

        var result = new ReliabilityBin[bins];
        var error = 0.0;
        for (var b = 0; b < bins; b++)
        {
            result[b] = new((double)b / bins, (b + 1.0) / bins, count[b], score[b] / count[b], right[b] / count[b]);
            error += Math.Abs(right[b] - score[b]);
        }

        return new Reliability(result, error / total);
    }
}
