using Sgl.Inference;
using Sgl.Models;

namespace Sgl.Verification.Internal.Judging;

/// <summary>How far results of an arithmetic may be from float32's, which golden values are.</summary>
/// <remarks>
/// <para>
/// Rounding to a type of p significant bits moves a value by at most u = 2^-p of it: 2^-8 for bfloat16, 2^-11 for float16. On its way through a layer a row is rounded about a dozen times (two
/// norms, three to five products of rounded matrices, attention, activation, two sums), each time by u / sqrt(3) in the root mean square. Such errors are as good as independent, so they add up as
/// their squares do (Higham and Mary, A New Approach to Probabilistic Rounding Error Analysis, SIAM J. Sci. Comput. 41, 2019): sqrt(12) * u / sqrt(3) = 2 u a layer, and sqrt(1 + L) times that
/// behind L layers. Where attention hangs on one key or another, a network amplifies what it is given: five times as much is allowed. Measured on the golden cases with every rounding imitated, half of all
/// quantities are below 0.6 times what is expected, all but one case's below 2.4 times, and that one's (a Phi-3 of random weights, in float16) 4.6 times.
/// </para>
/// <para>
/// 8 bits lose 0.6 % (blocks) to 1.5 % (rows of 7 bits) of a matrix and activations in 8 bits as much again, 4 bits 9 % (docs/decisions/0008-eight-bits.md). A layer has up to four such products
/// behind each other, twice a matrix's loss: 4 % and, with some room, 22 % are allowed a layer; measured were at most 0.65 and 0.75 of that.
/// </para>
/// </remarks>
/// <param name="PerLayer">Relative error in the root mean square that one layer may add.</param>
/// <param name="OtherSteps">Share of the steps of all cases in which another id than float32's may be the likeliest. Measured: 4 % in bfloat16, 0.4 % in float16, 9 % with 8 bits, 41 % with 4.</param>
/// <param name="OtherKept">Share of the kept visual tokens of all cases that may be others. Measured: 1.5 % in bfloat16, 0.15 % in float16, 2.5 % with 8 bits, 9 % with 4.</param>
internal sealed record Noise(double PerLayer, double OtherSteps, double OtherKept)
{
    private const double Expected = 2, Amplified = 5;

    private static readonly Noise None = new(0, 0, 0);

    /// <summary>Noise of an arithmetic.</summary>
    /// <param name="type">Compute type.</param>
    /// <param name="weights">Bits of the weights.</param>
    public static Noise Of(ComputeType type, WeightPrecision weights)
    {
        var computing = type switch
        {
            ComputeType.BFloat16 => new Noise(Amplified * Expected / (1 << 8), 0.10, 0.05),
            ComputeType.Float16 => new Noise(Amplified * Expected / (1 << 11), 0.02, 0.02),
            _ => None,
        };
        var storing = weights switch
        {
            WeightPrecision.Int8 => new Noise(0.04, 0.15, 0.10),
            WeightPrecision.Int4 => new Noise(0.22, 0.50, 0.25),
            _ => None,
        };
        return new Noise(
            Math.Sqrt((computing.PerLayer * computing.PerLayer) + (storing.PerLayer * storing.PerLayer)),
            Math.Max(computing.OtherSteps, storing.OtherSteps),
            Math.Max(computing.OtherKept, storing.OtherKept));
    }

    /// <summary>Relative error in the root mean square that is allowed behind so many layers.</summary>
    public double Behind(int layers) => PerLayer * Math.Sqrt(1 + layers);
}
