namespace Sgl.Models;

/// <summary>Rotary embedding variants. All rotate halves (first half with second half).</summary>
/// <param name="Theta"><c>rope_theta</c>.</param>
public abstract record RopeConfig(double Theta)
{
    /// <summary>Plain rotary embedding.</summary>
    /// <param name="Theta"><c>rope_theta</c>.</param>
    public sealed record Default(double Theta) : RopeConfig(Theta);

    /// <summary>Linear position interpolation.</summary>
    /// <param name="Theta"><c>rope_theta</c>.</param>
    /// <param name="Factor"><c>rope_scaling.factor</c>.</param>
    public sealed record Linear(double Theta, double Factor) : RopeConfig(Theta);

    /// <summary>Dynamic NTK: the base grows once the sequence is longer than the trained length.</summary>
    /// <param name="Theta"><c>rope_theta</c>.</param>
    /// <param name="Factor"><c>rope_scaling.factor</c>.</param>
    /// <param name="MaxPositions"><c>max_position_embeddings</c>.</param>
    public sealed record DynamicNtk(double Theta, double Factor, int MaxPositions) : RopeConfig(Theta);

    /// <summary>Phi-3's long RoPE ("su" or "longrope").</summary>
    /// <param name="Theta"><c>rope_theta</c>.</param>
    /// <param name="ShortFactor">Divisors used while the largest position + 1 is at most <paramref name="OriginalMaxPositions"/>; head_dim / 2 numbers.</param>
    /// <param name="LongFactor">Divisors used beyond.</param>
    /// <param name="OriginalMaxPositions"><c>original_max_position_embeddings</c>.</param>
    /// <param name="AttentionFactor">m, multiplies cos and sin always.</param>
    public sealed record Long(double Theta, IReadOnlyList<double> ShortFactor, IReadOnlyList<double> LongFactor, int OriginalMaxPositions, double AttentionFactor) : RopeConfig(Theta);

    /// <summary>
    /// The multimodal rotary embedding of the Qwen families: each frequency turns with the t, the h or the w axis. In sections (Qwen2-VL), the first
    /// turn with t, the next with h, the rest with w; interleaved (Qwen3-VL), they take turns t, h, w, t, h, w, ... until a section is used up, and t has the rest.
    /// </summary>
    /// <param name="Theta"><c>rope_theta</c>.</param>
    /// <param name="Sections"><c>rope_scaling.mrope_section</c>, sums to head_dim / 2.</param>
    /// <param name="Interleaved"><c>mrope_interleaved</c>.</param>
    public sealed record Multimodal(double Theta, IReadOnlyList<int> Sections, bool Interleaved = false) : RopeConfig(Theta);

    /// <summary>Llama 3.1 frequency-dependent scaling.</summary>
    /// <param name="Theta"><c>rope_theta</c>.</param>
    /// <param name="Factor"><c>factor</c>.</param>
    /// <param name="LowFrequencyFactor"><c>low_freq_factor</c>.</param>
    /// <param name="HighFrequencyFactor"><c>high_freq_factor</c>.</param>
    /// <param name="OriginalMaxPositions"><c>original_max_position_embeddings</c>.</param>
    public sealed record Llama3(double Theta, double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalMaxPositions) : RopeConfig(Theta);
}
