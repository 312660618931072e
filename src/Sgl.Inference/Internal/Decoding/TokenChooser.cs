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
    private readonly float[] _scores;
    private readonly float[] _work;
    private ulong _random;

    /// <param name="options">Sampling.</param>
    /// <param name="ends">End ids, masked while fewer than the minimum were generated.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="choosable">Ids at or above it are padding rows of the embedding table and never chosen.</param>
    public TokenChooser(SamplingOptions options, IReadOnlyList<int> ends, int vocabulary, int choosable)
    {
        _options = options;
        _ends = ends;
        _choosable = Math.Min(choosable, vocabulary);
        _scores = new float[vocabulary];
        _work = new float[vocabulary];
        _random = options.Seed ?? (ulong)Random.Shared.NextInt64();
    }

    /// <summary>Chooses the id of step <paramref name="step"/> (0-based).</summary>
    public TokenChoice Choose(ReadOnlySpan<float> logits, int step)
    {
        logits.CopyTo(_scores);
        if (step < _options.MinNewTokens)
        {
            foreach (var end in _ends)
            {
                if ((uint)end < (uint)_scores.Length)
                {
                    _scores[end] = float.NegativeInfinity;
                }
            }
        }

        // log-softmax around the maximum; work holds p.
        var max = TensorPrimitives.Max<float>(_scores);
        if (!float.IsFinite(max))
        {
            throw new InvalidOperationException("the model produced logits that are not numbers");
        }

        TensorPrimitives.Subtract(_scores, max, _work);
        TensorPrimitives.Exp<float>(_work, _work);
        var sum = TensorPrimitives.Sum<float>(_work);
        var logSum = MathF.Log(sum);
        var id = _options.Temperature > 0 ? Sample(max) : TensorPrimitives.IndexOfMax<float>(_scores.AsSpan(0, _choosable));
        return new TokenChoice(id, _scores[id] - max - logSum, Entropy(max, sum, logSum));
    }

    /// <summary>ln softmax(logits)[id] of raw logits.</summary>
    public static float LogProbability(ReadOnlySpan<float> logits, int id, Span<float> work)
    {
        var max = TensorPrimitives.Max(logits);
        TensorPrimitives.Subtract(logits, max, work);
        TensorPrimitives.Exp<float>(work, work);
        return logits[id] - max - MathF.Log(TensorPrimitives.Sum<float>(work));
    }

    /// <summary>H = ln Z - sum p (score - max), with masked ids left out.</summary>
    private float Entropy(float max, float sum, float logSum)
    {
        var weighted = 0.0;
        for (var i = 0; i < _scores.Length; i++)
        {
            if (_work[i] > 0)
            {
                weighted += (double)_work[i] * (_scores[i] - max);
            }
        }

        return (float)(logSum - (weighted / sum));
    }

    private int Sample(float max)
    {
        // Candidates in falling order.
        var ids = new int[_choosable];
        var keys = new float[_choosable];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = i;
            keys[i] = (max - _scores[i]) / _options.Temperature;
        }

        Array.Sort(keys, ids);
        var count = _options.TopK > 0 ? Math.Min(_options.TopK, ids.Length) : ids.Length;
        var total = 0.0;
        for (var i = 0; i < count; i++)
        {
            total += Math.Exp(-keys[i]);
        }

        var nucleus = 0.0;
        var kept = 0;
        while (kept < count && (kept == 0 || nucleus < _options.TopP * total))
        {
            nucleus += Math.Exp(-keys[kept++]);
        }

        var target = NextUniform() * nucleus;
        for (var i = 0; i < kept; i++)
        {
            target -= Math.Exp(-keys[i]);
            if (target <= 0)
            {
                return ids[i];
            }
        }

        return ids[kept - 1];
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
