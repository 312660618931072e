using System.Numerics;
using System.Runtime.InteropServices;
using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>Visual tokens after merging, in the order of their representatives.</summary>
/// <param name="Features">Row-major [Count, channels].</param>
/// <param name="Sizes">How many input tokens each output token stands for; they add up to the input count.</param>
/// <param name="Representatives">For each output token, ascending, the input token whose place in the sequence it takes.</param>
/// <param name="Assignment">For each input token, the output token it went into.</param>
public sealed record MergedTokens(float[] Features, int[] Sizes, int[] Representatives, int[] Assignment)
{
    /// <summary>Number of output tokens.</summary>
    public int Count => Sizes.Length;
}

/// <summary>
/// ToMe (Bolya et al. 2023) before the language model, the paper's merging baseline: bipartite soft matching of projected
/// visual features by cosine similarity, merged by averages weighted with how many tokens each already stands for.
/// </summary>
/// <remarks>
/// One round splits the remaining tokens alternately into A (even places) and B (odd places), links every A token to its most
/// similar B token, and merges the most similar links. A round can at most halve the tokens, so rounds follow until the wanted
/// number is reached. ToMe compares attention keys; before the language model there are none, so features are compared. The
/// sequence order is kept. Ties go to the lower index.
/// </remarks>
public static class TokenMerging
{
    /// <summary>Merges down to <paramref name="target"/> tokens.</summary>
    /// <param name="features">Row-major [tokens, channels].</param>
    /// <param name="channels">C, at least 1.</param>
    /// <param name="target">1 to the number of tokens (0 only where there are none).</param>
    /// <exception cref="GuidanceException">The target is out of range.</exception>
    public static MergedTokens Merge(ReadOnlySpan<float> features, int channels, int target)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        if (features.Length % channels != 0)
        {
            throw new ArgumentException($"{features.Length} values are no rows of {channels} channels", nameof(features));
        }

        var tokens = features.Length / channels;
        if (target > tokens || target < Math.Min(1, tokens))
        {
            throw new GuidanceException("keep_count", $"must be between {Math.Min(1, tokens)} and {tokens}, was {target}");
        }

        var state = new State(features.ToArray(), channels, tokens);
        while (state.Alive.Length > target)
        {
            state.MergeRound(Math.Min(state.Alive.Length - target, state.Alive.Length / 2));
        }

        return state.Result();
    }

    /// <summary>Mutable rows: a merged token lives on in its representative's row.</summary>
    private sealed class State
    {
        private readonly float[] _rows;
        private readonly int _channels;
        private readonly int[] _sizes;
        private readonly int[] _mergedInto;

        public State(float[] rows, int channels, int tokens)
        {
            (_rows, _channels) = (rows, channels);
            _sizes = new int[tokens];
            _mergedInto = new int[tokens];
            Alive = new int[tokens];
            for (var i = 0; i < tokens; i++)
            {
                (_sizes[i], _mergedInto[i], Alive[i]) = (1, i, i);
            }
        }

        public int[] Alive { get; private set; }

        public void MergeRound(int merges)
        {
            var unit = Normalised();
            var countA = (Alive.Length + 1) / 2;
            var best = new (float Similarity, int From, int To)[countA];
            Parallel.For(0, countA, a =>
            {
                var similarity = float.NegativeInfinity;
                var to = 1;
                for (var b = 1; b < Alive.Length; b += 2)
                {
                    var dot = Dot(unit.AsSpan(2 * a * _channels, _channels), unit.AsSpan(b * _channels, _channels));
                    if (dot > similarity)
                    {
                        (similarity, to) = (dot, b);
                    }
                }

                best[a] = (similarity, 2 * a, to);
            });

            var links = best.OrderByDescending(link => link.Similarity).ThenBy(link => link.From).Take(merges);
            foreach (var (_, from, to) in links.OrderBy(link => link.From))
            {
                MergeInto(Alive[from], Alive[to]);
            }

            Alive = [.. Alive.Where(token => _mergedInto[token] == token)];
        }

        public MergedTokens Result()
        {
            var place = new int[_sizes.Length];
            var output = new float[Alive.Length * _channels];
            var sizes = new int[Alive.Length];
            for (var i = 0; i < Alive.Length; i++)
            {
                place[Alive[i]] = i;
                sizes[i] = _sizes[Alive[i]];
                Row(Alive[i]).CopyTo(output.AsSpan(i * _channels));
            }

            var assignment = new int[_sizes.Length];
            for (var i = 0; i < assignment.Length; i++)
            {
                var token = i;
                while (_mergedInto[token] != token)
                {
                    token = _mergedInto[token];
                }

                assignment[i] = place[token];
            }

            return new MergedTokens(output, sizes, Alive, assignment);
        }

        private Span<float> Row(int token) => _rows.AsSpan(token * _channels, _channels);

        private void MergeInto(int from, int to)
        {
            var source = Row(from);
            var goal = Row(to);
            float sizeFrom = _sizes[from];
            float sizeTo = _sizes[to];
            for (var c = 0; c < goal.Length; c++)
            {
                goal[c] = ((goal[c] * sizeTo) + (source[c] * sizeFrom)) / (sizeTo + sizeFrom);
            }

            _sizes[to] += _sizes[from];
            _mergedInto[from] = to;
        }

        private float[] Normalised()
        {
            var unit = new float[Alive.Length * _channels];
            for (var i = 0; i < Alive.Length; i++)
            {
                var row = Row(Alive[i]);
                var norm = MathF.Sqrt(Dot(row, row));
                var scale = norm > 0 ? 1 / norm : 0;
                for (var c = 0; c < row.Length; c++)
                {
                    unit[(i * _channels) + c] = row[c] * scale;
                }
            }

            return unit;
        }

        private static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
        {
            var vx = MemoryMarshal.Cast<float, Vector<float>>(x);
            var vy = MemoryMarshal.Cast<float, Vector<float>>(y);
            var sums = Vector<float>.Zero;
            for (var i = 0; i < vx.Length; i++)
            {
                sums += vx[i] * vy[i];
            }

            var sum = Vector.Sum(sums);
            for (var i = vx.Length * Vector<float>.Count; i < x.Length; i++)
            {
                sum += x[i] * y[i];
            }

            return sum;
        }
    }
}
