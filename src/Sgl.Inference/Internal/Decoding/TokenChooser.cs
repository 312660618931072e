using System.Numerics.Tensors;
using Sgl.Grammar;
using Sgl.Guidance;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>A chosen id with what the exit scores need.</summary>
/// <param name="Id">Token id.</param>
/// <param name="LogProbability">ln P under the processed scores.</param>
/// <param name="Entropy">Entropy of the processed distribution, nats.</param>
internal readonly record struct TokenChoice(int Id, float LogProbability, float Entropy);

/// <summary>Chooses the next id from logits: greedy, or temperature with top-k and top-p; among those that a grammar allows, where there is one.</summary>
internal sealed class TokenChooser
{
    private readonly SamplingOptions _options;
    private readonly IReadOnlyList<int> _ends;
    private readonly int _choosable;
    private readonly SamplingBuffers _buffers;
    private readonly GrammarCursor? _grammar;
    private SplitMix64 _random;
    private LogSoftmax _softmax;

    /// <param name="options">Sampling.</param>
    /// <param name="ends">End ids, masked while fewer than the minimum were generated.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="choosable">Ids at or above it are padding rows of the embedding table and never chosen.</param>
    /// <param name="buffers">Work space for V scores; null: one of its own.</param>
    /// <param name="grammar">What the ids must write; null: anything.</param>
    public TokenChooser(
        SamplingOptions options, IReadOnlyList<int> ends, int vocabulary, int choosable, SamplingBuffers? buffers = null, GrammarCursor? grammar = null)
    {
        _grammar = grammar;
        _options = options;
        _ends = ends;
        _choosable = Math.Min(choosable, vocabulary);
        _buffers = buffers ?? new SamplingBuffers(vocabulary);
        _random = new SplitMix64(options.Seed ?? (ulong)Random.Shared.NextInt64());
    }

    /// <summary>Whether step <paramref name="step"/> takes the likeliest of all ids, so that nothing but it needs to be known.</summary>
    public bool IsPlain(int step) => _grammar is null && _options.Temperature <= 0 && _options.TopLogProbabilities == 0 && (step >= _options.MinNewTokens || _ends.Count == 0);

    /// <summary>Whether nothing can follow what was chosen.</summary>
    public bool IsComplete => _grammar is { IsComplete: true };

    /// <summary>Chooses the id of step <paramref name="step"/> (0-based); each step once, in their order.</summary>
    /// <exception cref="EngineRequestException">The vocabulary has no token with which the grammar goes on.</exception>
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

        var softmax = LogSoftmax.Of(scores, work);
        if (!float.IsFinite(softmax.Max))
        {
            throw new InvalidOperationException("the model produced logits that are not numbers");
        }

        _softmax = softmax;
        // Before a draw, which takes the work space over.
        var entropy = softmax.Entropy(scores, work);
        var id = _grammar is not null ? ChooseAllowed(_grammar)
            : _options.Temperature > 0 ? Sample(softmax.Max)
            : Best();
        return new TokenChoice(id, softmax.LogProbability(scores[id]), entropy);
    }

    /// <summary>The likeliest ids of the step that was chosen last, likeliest first and among equals by id; those that cannot be chosen are none of them.</summary>
    /// <param name="count">How many.</param>
    public IReadOnlyList<(int Id, float LogProbability)> Likeliest(int count)
    {
        var scores = _buffers.Scores.AsSpan(0, _choosable);
        var best = new List<(int Id, float Score)>(count + 1);
        for (var id = 0; id < scores.Length; id++)
        {
            if (scores[id] == float.NegativeInfinity || (best.Count == count && scores[id] <= best[^1].Score))
            {
                continue;
            }

            var at = best.Count;
            while (at > 0 && best[at - 1].Score < scores[id])
            {
                at--;
            }

            best.Insert(at, (id, scores[id]));
            if (best.Count > count)
            {
                best.RemoveAt(count);
            }
        }

        return [.. best.Select(b => (b.Id, _softmax.LogProbability(b.Score)))];
    }

    private int Best() => TensorPrimitives.IndexOfMax<float>(_buffers.Scores.AsSpan(0, _choosable));

    /// <summary>Chooses among the ids that the grammar allows. Their scores stay: softmax and entropy were those of all ids.</summary>
    private int ChooseAllowed(GrammarCursor grammar)
    {
        // Mostly the likeliest id is one of them, which is known sooner than all of them are.
        var isGreedy = _options is { Temperature: <= 0, TopLogProbabilities: 0 };
        var id = isGreedy && Best() is var best && (_ends.Contains(best) ? grammar.MayEnd : grammar.Allows(best)) ? best : ChooseRestricted(grammar);
        if (!_ends.Contains(id))
        {
            grammar.Advance(id);
        }

        return id;
    }

    private int ChooseRestricted(GrammarCursor grammar)
    {
        var scores = _buffers.Scores.AsSpan(0, _choosable);
        float[] ends = [.. _ends.Select(e => (uint)e < (uint)_choosable ? _buffers.Scores[e] : float.NegativeInfinity)];
        grammar.Restrict(scores);
        for (var i = 0; i < _ends.Count; i++)
        {
            if ((uint)_ends[i] < (uint)_choosable)
            {
                scores[_ends[i]] = grammar.MayEnd ? ends[i] : float.NegativeInfinity;
            }
        }

        var max = TensorPrimitives.Max<float>(scores);
        return max == float.NegativeInfinity ? throw new EngineRequestException("response_format", "the model's vocabulary has no token with which the answer could go on")
            : _options.Temperature > 0 ? Sample(max)
            : Best();
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
            return Best();
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

        return candidates.Walk(_random.NextDouble() * nucleus).Id;
    }
}
