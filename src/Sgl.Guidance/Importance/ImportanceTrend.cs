namespace Sgl.Guidance;

/// <summary>
/// The part of the importance that has nothing to do with the question: what visual tokens get at each place of the picture when a prompt has no text to look for, so a trend
/// along the prompt and tokens that gather attention as sinks do. Divided out, <c>A'_i = A_i / b(place of i)</c>; the idea is contextual calibration's
/// (Zhao et al. 2021) for attention. Ours, not the paper's.
/// </summary>
public sealed class ImportanceTrend
{
    /// <summary>Places that are told apart along the visual tokens.</summary>
    public const int DefaultBins = 32;

    private const double Floor = 0.05;

    private readonly double[] _bins;

    private ImportanceTrend(double[] bins) => _bins = bins;

    /// <summary>b at each place, with a mean of 1.</summary>
    public IReadOnlyList<double> Bins => _bins;

    /// <summary>Learns the trend.</summary>
    /// <param name="samples">Importance of prompts without text, one vector each, of any lengths; at least one with visual tokens.</param>
    /// <param name="bins">Places, at least 1. A vector shorter than that leaves places out.</param>
    /// <exception cref="GuidanceException">There is nothing to learn from, or a number is not finite.</exception>
    public static ImportanceTrend Fit(IEnumerable<float[]> samples, int bins = DefaultBins)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentOutOfRangeException.ThrowIfLessThan(bins, 1);
        var (sums, counts) = (new double[bins], new int[bins]);
        foreach (var sample in samples)
        {
            var mean = sample.Length == 0 ? 0 : sample.Average(a => (double)a);
            if (!double.IsFinite(mean))
            {
                throw new GuidanceException("importance", "holds what is not a number");
            }

            for (var i = 0; mean > 0 && i < sample.Length; i++)
            {
                var bin = Place(i, sample.Length, bins);
                sums[bin] += sample[i] / mean;
                counts[bin]++;
            }
        }

        if (Array.TrueForAll(counts, c => c == 0))
        {
            throw new GuidanceException("importance", "no prompt without text has any importance to learn from");
        }

        var means = new double[bins];
        for (var (bin, last) = (0, 1.0); bin < bins; bin++)
        {
            last = means[bin] = counts[bin] > 0 ? Math.Max(Floor, sums[bin] / counts[bin]) : last;
        }

        var scale = means.Average();
        return new ImportanceTrend(Array.ConvertAll(means, m => m / scale));
    }

    /// <summary>The importance without the trend.</summary>
    /// <param name="importance">A, in prompt order.</param>
    /// <param name="counts">One for each token: whether it shows something; what is padding gets 0. Empty: all do.</param>
    public float[] Remove(ReadOnlySpan<float> importance, ReadOnlySpan<bool> counts = default)
    {
        if (!counts.IsEmpty && counts.Length != importance.Length)
        {
            throw new ArgumentException($"{importance.Length} visual tokens, {counts.Length} flags", nameof(counts));
        }

        var freed = new float[importance.Length];
        for (var i = 0; i < freed.Length; i++)
        {
            freed[i] = counts.IsEmpty || counts[i] ? (float)(importance[i] / _bins[Place(i, freed.Length, _bins.Length)]) : 0;
        }

        return freed;
    }

    private static int Place(int token, int length, int bins) => (int)((long)token * bins / length);
}
