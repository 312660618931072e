namespace Sgl.Models;

/// <summary>
/// cos and sin of the rotary embedding, in float32 and in the references' order of operations, so that angles of large positions agree too.
/// Immutable and thread-safe.
/// </summary>
/// <remarks>
/// The scalings that depend on length choose by the largest position of the current forward call: keys that were cached before stay as they
/// were rotated then.
/// </remarks>
public sealed class RotaryTable
{
    private readonly RopeConfig _config;
    private readonly int _headDim;
    private readonly float[] _frequencies;
    private readonly float[] _longFrequencies;
    private readonly int[] _axes;
    private readonly float _scale;

    /// <summary>Prepares the frequencies.</summary>
    /// <param name="config">Rotary variant.</param>
    /// <param name="headDim">d, even.</param>
    public RotaryTable(RopeConfig config, int headDim)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentOutOfRangeException.ThrowIfLessThan(headDim, 2);
        ArgumentOutOfRangeException.ThrowIfNotEqual(headDim % 2, 0, nameof(headDim));
        _config = config;
        _headDim = headDim;
        var plain = InverseFrequencies(config.Theta, headDim);
        _longFrequencies = [];
        _axes = [];
        _scale = 1;
        switch (config)
        {
            case RopeConfig.Long l:
                _frequencies = Divided(config.Theta, headDim, l.ShortFactor);
                _longFrequencies = Divided(config.Theta, headDim, l.LongFactor);
                _scale = (float)l.AttentionFactor;
                break;
            case RopeConfig.Multimodal m:
                _frequencies = plain;
                if (m.Sections.Sum() != headDim / 2)
                {
                    throw new ArgumentException($"The sections [{string.Join(", ", m.Sections)}] do not sum to {headDim / 2}.", nameof(config));
                }

                _axes = m.Interleaved
                    ? [.. Enumerable.Range(0, headDim / 2).Select(i => i % 3 > 0 && i < 3 * m.Sections[i % 3] ? i % 3 : 0)]
                    : [.. m.Sections.SelectMany((count, axis) => Enumerable.Repeat(axis, count))];

                break;
            case RopeConfig.Llama3 l:
                _frequencies = Llama3(plain, l);
                break;
            default:
                _frequencies = plain;
                break;
        }
    }

    /// <summary>Position axes: 3 for M-RoPE, else 1.</summary>
    public int Axes => _config is RopeConfig.Multimodal m ? m.Sections.Count : 1;

    /// <summary>Numbers per row: head_dim / 2.</summary>
    public int Width => _headDim / 2;

    /// <summary>Computes the rows of some positions.</summary>
    /// <param name="positions">Position ids, axis-major [<see cref="Axes"/>, n].</param>
    /// <param name="maxPosition">Largest position of the whole forward call, pruned rows included (M-RoPE: over all axes).</param>
    /// <param name="cos">[n, head_dim / 2].</param>
    /// <param name="sin">[n, head_dim / 2].</param>
    public void Compute(ReadOnlySpan<int> positions, int maxPosition, Span<float> cos, Span<float> sin)
    {
        if (positions.Length % Axes != 0)
        {
            throw new ArgumentException($"{positions.Length} positions are not {Axes} axes.", nameof(positions));
        }

        var rows = positions.Length / Axes;
        var half = Width;
        ArgumentOutOfRangeException.ThrowIfNotEqual((long)cos.Length, (long)rows * half, nameof(cos));
        ArgumentOutOfRangeException.ThrowIfNotEqual((long)sin.Length, (long)rows * half, nameof(sin));
        var frequencies = Frequencies(maxPosition);
        var divisor = _config is RopeConfig.Linear linear ? (float)linear.Factor : 1f;
        for (var row = 0; row < rows; row++)
        {
            var cosRow = cos.Slice(row * half, half);
            var sinRow = sin.Slice(row * half, half);
            var position = positions[row] / divisor;
            for (var i = 0; i < half; i++)
            {
                if (_axes.Length > 0)
                {
                    position = positions[(_axes[i] * rows) + row];
                }

                var (s, c) = MathF.SinCos(position * frequencies[i]);
                cosRow[i] = c * _scale;
                sinRow[i] = s * _scale;
            }
        }
    }

    /// <summary>Whether two forward calls with these largest positions rotate a given position alike, so that keys of one are right in the other.</summary>
    /// <param name="maxPosition">Largest position of the one.</param>
    /// <param name="otherMaxPosition">Largest position of the other.</param>
    public bool RotatesAlike(int maxPosition, int otherMaxPosition) => Frequencies(maxPosition).SequenceEqual(Frequencies(otherMaxPosition));

    /// <summary>theta^(-2i/d) in float32, i = 0..d/2-1.</summary>
    internal static float[] InverseFrequencies(double theta, int headDim) => Divided(theta, headDim, null);

    private ReadOnlySpan<float> Frequencies(int maxPosition)
    {
        var length = maxPosition + 1L;
        return _config switch
        {
            RopeConfig.Long l when length > l.OriginalMaxPositions => _longFrequencies,
            RopeConfig.DynamicNtk n when length > n.MaxPositions => InverseFrequencies(GrownBase(n, length), _headDim),
            _ => _frequencies,
        };
    }

    private double GrownBase(RopeConfig.DynamicNtk config, long length) =>
        config.Theta * Math.Pow((config.Factor * length / config.MaxPositions) - (config.Factor - 1), _headDim / (_headDim - 2.0));

    private static float[] Divided(double theta, int headDim, IReadOnlyList<double>? factors)
    {
        var result = new float[headDim / 2];
        for (var i = 0; i < result.Length; i++)
        {
            // The exponent is a float32 tensor in the references; its power is rounded once.
            var exponent = 2f * i / headDim;
            var power = (float)Math.Pow((float)theta, exponent);
            result[i] = 1f / (factors is null ? power : (float)factors[i] * power);
        }

        return result;
    }

    private static float[] Llama3(float[] plain, RopeConfig.Llama3 config)
    {
        var lowWavelength = config.OriginalMaxPositions / config.LowFrequencyFactor;
        var highWavelength = config.OriginalMaxPositions / config.HighFrequencyFactor;
        return Array.ConvertAll(plain, f =>
        {
            var wavelength = (float)(2 * Math.PI) / f;
            if (wavelength < highWavelength)
            {
                return f;
            }

            var slow = f / (float)config.Factor;
            if (wavelength > lowWavelength)
            {
                return slow;
            }

            var smooth = (float)(((config.OriginalMaxPositions / wavelength) - config.LowFrequencyFactor) / (config.HighFrequencyFactor - config.LowFrequencyFactor));
            return ((1 - smooth) * slow) + (smooth * f);
        });
    }
}
