using System.Numerics;
using System.Numerics.Tensors;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>A chosen id with what the exit scores need.</summary>
/// <param name="Id">Token id.</param>
/// <param name="LogProbability">ln P under the processed scores.</param>
/// <param name="Entropy">Entropy of the processed distribution, nats.</param>
internal readonly record struct TokenChoice(int Id, float LogProbability, float Entropy);

/// <summary>Chooses the next id from logits: greedy, or temperature with top-k and top-p.</summary>
internal sealed class TokenChooser
{
    private readonly SamplingOptions _options;
    private readonly IReadOnlyList<int> _ends;
    private readonly int _choosable;
    private readonly SamplingBuffers _buffers;
    private ulong _random;

    /// <param name="options">Sampling.</param>
    /// <param name="ends">End ids, masked while fewer than the minimum were generated.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="choosable">Ids at or above it are padding rows of the embedding table and never chosen.</param>
    /// <param name="buffers">Work space for V scores; null: one of its own.</param>
    public TokenChooser(SamplingOptions options, IReadOnlyList<int> ends, int vocabulary, int choosable, SamplingBuffers? buffers = null)
    {
        _options = options;
        _ends = ends;
        _choosable = Math.Min(choosable, vocabulary);
        _buffers = buffers ?? new SamplingBuffers(vocabulary);
        _random = options.Seed ?? (ulong)Random.Shared.NextInt64();
    }

    /// <summary>Chooses the id of step <paramref name="step"/> (0-based).</summary>
    public TokenChoice Choose(ReadOnlySpan<float> logits, int step)
    {
        var (scores, work) = (_buffers.Scores, _buffers.Work);
        logits.CopyTo(scores);
        if (step < _options.MinNewTokens)
        {
            for (var i = 0; i < _ends.Count; i++)
            {
                if ((uint)_ends[i] < (uint)scores.Length)
                {
                    scores[_ends[i]] = float.NegativeInfinity;
                }
            }
        }

        // log-softmax around the maximum; work holds p.
        var max = TensorPrimitives.Max<float>(scores);
        if (!float.IsFinite(max))
        {
            throw new InvalidOperationException("the model produced logits that are not numbers");
        }

        TensorPrimitives.Subtract(scores, max, work);
        TensorPrimitives.Exp<float>(work, work);
        var sum = TensorPrimitives.Sum<float>(work);
        var logSum = MathF.Log(sum);
        var entropy = (float)(logSum - (WeightedScores(scores, work, max) / sum));
        var id = _options.Temperature > 0 ? Sample(max) : TensorPrimitives.IndexOfMax<float>(scores.AsSpan(0, _choosable));
        return new TokenChoice(id, scores[id] - max - logSum, entropy);
    }

    /// <summary>ln softmax(logits)[id] of raw logits.</summary>
    public static float LogProbability(ReadOnlySpan<float> logits, int id, Span<float> work)
    {
        var max = TensorPrimitives.Max(logits);
        TensorPrimitives.Subtract(logits, max, work);
        TensorPrimitives.Exp<float>(work, work);
        return logits[id] - max - MathF.Log(TensorPrimitives.Sum<float>(work));
    }

    /// <summary>Sum of p (score - max), of which the entropy is made: H = ln Z - sum / Z. Masked ids are left out.</summary>
    private static double WeightedScores(ReadOnlySpan<float> scores, ReadOnlySpan<float> p, float max)
    {
        // The addends are of one sign and 152,000 of them: summed in double precision.
        var (low, high) = (Vector<double>.Zero, Vector<double>.Zero);
        var i = 0;
        for (; i <= scores.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var probability = new Vector<float>(p[i..]);
            var addend = probability * (new Vector<float>(scores[i..]) - new Vector<float>(max));
            Vector.Widen(Vector.ConditionalSelect(Vector.GreaterThan(probability, Vector<float>.Zero), addend, Vector<float>.Zero), out var a, out var b);
            low += a;
            high += b;
        }

        var sum = Vector.Sum(low) + Vector.Sum(high);
        for (; i < scores.Length; i++)
        {
            sum += p[i] > 0 ? (double)p[i] * (scores[i] - max) : 0;
        }

        return sum;
    }

    /// <summary>Draws from the tempered distribution, cut to the best k and then to the smallest nucleus.</summary>
    private int Sample(float max)
    {
        var weights = _buffers.Work.AsSpan(0, _choosable);
        TensorPrimitives.Subtract(_buffers.Scores.AsSpan(0, _choosable), max, weights);
        TensorPrimitives.Divide(weights, _options.Temperature, weights);
        TensorPrimitives.Exp<float>(weights, weights);
        var candidates = _buffers.Candidates;
        candidates.Clear();
        for (var id = 0; id < weights.Length; id++)
        {
            if (weights[id] > 0)
            {
                candidates.Add(id, weights[id]);
            }
        }

        if (candidates.Count == 0)
        {
            // Everything that may be chosen is far below what may not.
            return TensorPrimitives.IndexOfMax<float>(_buffers.Scores.AsSpan(0, _choosable));
        }

        if (_options.TopK > 0)
        {
            candidates.KeepTop(_options.TopK);
        }

        var nucleus = candidates.Total();
        if (_options.TopP < 1)
        {
            nucleus = candidates.Walk(_options.TopP * nucleus).Sum;
        }

        return candidates.Walk(NextUniform() * nucleus).Id;
    }

    /// <summary>SplitMix64: the same seed gives the same answer on every platform and version.</summary>
    private double NextUniform()
    {
        var z = _random += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
