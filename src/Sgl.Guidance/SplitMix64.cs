namespace Sgl.Guidance;

/// <summary>A small seeded generator (SplitMix64), so that controls and bootstrap samples are equal on every runtime and version.</summary>
/// <param name="seed">Any value.</param>
public struct SplitMix64(ulong seed)
{
    private ulong _state = seed;

    /// <summary>The next 64 random bits.</summary>
    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>Uniform in 0..bound-1, by multiplication; the bias is below bound / 2^64.</summary>
    public ulong NextBelow(ulong bound) => Math.BigMul(Next(), bound, out _);

    /// <summary>Uniform in [0, 1) with 53 bits.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));
}
