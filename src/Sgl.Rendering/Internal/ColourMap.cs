namespace Sgl.Rendering.Internal;

/// <summary>A perceptually uniform map, dark violet over green to yellow (matplotlib's "viridis", sampled at eighths).</summary>
internal static class ColourMap
{
    private static readonly Rgb[] Samples =
    [
        new(68, 1, 84), new(71, 44, 122), new(59, 81, 139), new(44, 113, 142), new(33, 144, 141), new(39, 173, 129), new(92, 200, 99),
        new(170, 220, 50), new(253, 231, 37),
    ];

    /// <summary>The colour of a value from 0 to 1.</summary>
    public static Rgb At(double value)
    {
        var place = Math.Clamp(value, 0, 1) * (Samples.Length - 1);
        var index = Math.Min((int)place, Samples.Length - 2);
        var (a, b, share) = (Samples[index], Samples[index + 1], place - index);
        return new Rgb(Mix(a.Red, b.Red, share), Mix(a.Green, b.Green, share), Mix(a.Blue, b.Blue, share));
    }

    private static byte Mix(byte a, byte b, double share) => (byte)Math.Round(a + ((b - a) * share));
}
