using System.Numerics;
using System.Numerics.Tensors;

namespace Sgl.Guidance;

/// <summary>ln softmax of one step's logits: log-probabilities for eq. 6 and 8, entropy for figure 4.</summary>
/// <param name="Max">Largest logit; not finite where the logits are no distribution.</param>
/// <param name="Sum">Z, the sum of exp(logit - <paramref name="Max"/>).</param>
public readonly record struct LogSoftmax(float Max, float Sum)
{
    private float LogSum => MathF.Log(Sum);

    /// <summary>Computes it in one pass. Logits of minus infinity count as p = 0.</summary>
    /// <param name="logits">[V], at least one.</param>
    /// <param name="weights">[V], receives exp(logit - max): Z times the probabilities.</param>
    public static LogSoftmax Of(ReadOnlySpan<float> logits, Span<float> weights)
    {
        var max = TensorPrimitives.Max(logits);
        TensorPrimitives.Subtract(logits, max, weights);
        TensorPrimitives.Exp<float>(weights, weights);
        return new LogSoftmax(max, TensorPrimitives.Sum<float>(weights));
    }

    /// <summary>ln P of an id, by its logit.</summary>
    public float LogProbability(float logit) => logit - Max - LogSum;

    /// <summary>H = -sum p ln p, in nats.</summary>
    /// <param name="logits">Those of <see cref="Of"/>.</param>
    /// <param name="weights">What it gave.</param>
    public float Entropy(ReadOnlySpan<float> logits, ReadOnlySpan<float> weights) => (float)(LogSum - (Weighted(logits, weights) / Sum));

    /// <summary>Sum of exp(shifted) shifted with shifted = logit - max: H = ln Z - sum / Z.</summary>
    private double Weighted(ReadOnlySpan<float> logits, ReadOnlySpan<float> weights)
    {
        // The addends are of one sign and 152,000 of them: summed in double precision.
        var (low, high) = (Vector<double>.Zero, Vector<double>.Zero);
        var i = 0;
        for (; i <= logits.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var weight = new Vector<float>(weights[i..]);
            var addend = weight * (new Vector<float>(logits[i..]) - new Vector<float>(Max));
            Vector.Widen(Vector.ConditionalSelect(Vector.GreaterThan(weight, Vector<float>.Zero), addend, Vector<float>.Zero), out var a, out var b);
            low += a;
            high += b;
        }

        var sum = Vector.Sum(low) + Vector.Sum(high);
        for (; i < logits.Length; i++)
        {
            sum += weights[i] > 0 ? (double)weights[i] * (logits[i] - Max) : 0;
        }

        return sum;
    }
}
