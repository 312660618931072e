namespace Sgl.Vision.Internal;

/// <summary>
/// The fixed-point weights of one axis, computed as Pillow computes them: in double, normalised, then rounded to 22 fractional bits.
/// </summary>
internal sealed class ResampleWeights
{
    public const int FractionBits = 22;

    /// <summary>One half, added before the fraction is cut off.</summary>
    public const int Rounding = 1 << (FractionBits - 1);

    private ResampleWeights(int taps, int[] first, int[] count, int[] weights)
    {
        Taps = taps;
        First = first;
        Count = count;
        Weights = weights;
    }

    /// <summary>Distance of two output samples' weights in <see cref="Weights"/>.</summary>
    public int Taps { get; }

    /// <summary>First input sample of each output sample.</summary>
    public int[] First { get; }

    /// <summary>Number of input samples of each output sample.</summary>
    public int[] Count { get; }

    /// <summary>[output, Taps].</summary>
    public int[] Weights { get; }

    /// <summary>The weights of one output sample, as many as it has input samples.</summary>
    public ReadOnlySpan<int> Of(int output) => Weights.AsSpan(output * Taps, Count[output]);

    public static ResampleWeights Create(int inputSize, int outputSize, ResampleFilter filter)
    {
        var scale = (double)inputSize / outputSize;
        var filterScale = Math.Max(scale, 1.0);
        var support = Support(filter) * filterScale;
        var taps = checked(((int)Math.Ceiling(support) * 2) + 1);
        var first = new int[outputSize];
        var count = new int[outputSize];
        var weights = new int[checked(outputSize * taps)];
        var row = new double[taps];
        var inverse = 1.0 / filterScale;
        for (var o = 0; o < outputSize; o++)
        {
            var centre = (o + 0.5) * scale;
            var low = Math.Max(0, (int)(centre - support + 0.5));
            var n = Math.Min(inputSize, (int)(centre + support + 0.5)) - low;
            var sum = 0.0;
            for (var i = 0; i < n; i++)
            {
                row[i] = Evaluate(filter, (i + low - centre + 0.5) * inverse);
                sum += row[i];
            }

            for (var i = 0; i < n; i++)
            {
                var weight = sum != 0.0 ? row[i] / sum : row[i];
                weights[(o * taps) + i] = (int)((weight < 0 ? -0.5 : 0.5) + (weight * (1 << FractionBits)));
            }

            first[o] = low;
            count[o] = n;
        }

        return new ResampleWeights(taps, first, count, weights);
    }

    private static double Support(ResampleFilter filter) => filter switch
    {
        ResampleFilter.Bilinear => 1.0,
        ResampleFilter.Bicubic => 2.0,
        ResampleFilter.Lanczos => 3.0,
        _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, "Unknown filter."),
    };

    // The order of operations is Pillow's: another one changes last bits, and with them pixels.
    private static double Evaluate(ResampleFilter filter, double x)
    {
        switch (filter)
        {
            case ResampleFilter.Bilinear:
                x = Math.Abs(x);
                return x < 1.0 ? 1.0 - x : 0.0;
            case ResampleFilter.Bicubic:
                const double A = -0.5;
                x = Math.Abs(x);
                return x < 1.0 ? (((((A + 2.0) * x) - (A + 3.0)) * x) * x) + 1
                    : x < 2.0 ? ((((((x - 5) * x) + 8) * x) - 4) * A)
                    : 0.0;
            default:
                return x is >= -3.0 and < 3.0 ? Sinc(x) * Sinc(x / 3) : 0.0;
        }
    }

    private static double Sinc(double x)
    {
        if (x == 0.0)
        {
            return 1.0;
        }

        x *= Math.PI;
        return Math.Sin(x) / x;
    }
}
