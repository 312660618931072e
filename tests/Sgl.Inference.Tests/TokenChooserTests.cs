using CsCheck;
using Sgl.Grammar;
using Sgl.Inference.Internal.Decoding;

namespace Sgl.Inference.Tests;

public class TokenChooserTests
{
    /// <summary>Equal, or apart by more than rounding.</summary>
    private static readonly Gen<float[]> Logits = Gen.Int[-2000, 2000].Select(i => i / 100f).Array[2, 60];

    [Fact]
    public void Choose_Greedy_TakesTheBestWithItsLogProbabilityAndEntropy() => Logits.Sample(logits =>
    {
        var choice = Chooser(new SamplingOptions { MinNewTokens = 0 }, [], logits.Length).Choose(logits, 0);
        var p = Softmax(logits);
        Assert.Equal(logits.Max(), logits[choice.Id]);
        Assert.Equal(Math.Log(p[choice.Id]), choice.LogProbability, 1e-4);
        Assert.Equal(-p.Where(x => x > 0).Sum(x => x * Math.Log(x)), choice.Entropy, 1e-4);
    });

    [Fact]
    public void Choose_BelowTheMinimumLength_MasksEndIdsOutOfEverything() => Logits.Sample(logits =>
    {
        int[] ends = [Array.IndexOf(logits, logits.Max()), logits.Length + 5, -1];
        var options = new SamplingOptions { MinNewTokens = 2 };
        var rest = logits.Select((l, i) => i == ends[0] ? float.NegativeInfinity : l).ToArray();
        for (var step = 0; step < 3; step++)
        {
            var choice = Chooser(options, ends, logits.Length).Choose(logits, step);
            var scores = step < 2 ? rest : logits;
            Assert.Equal(scores.Max(), scores[choice.Id]);
            Assert.Equal(Math.Log(Softmax(scores)[choice.Id]), choice.LogProbability, 1e-4);
        }
    });

    [Fact]
    public void Choose_PaddingRowsOfTheVocabulary_AreNeverChosen() => Gen.Select(Logits, Gen.Float[0, 2], Gen.ULong).Sample((logits, temperature, seed) =>
    {
        var choosable = (logits.Length / 2) + 1;
        var chooser = new TokenChooser(new SamplingOptions { Temperature = temperature, Seed = seed, MinNewTokens = 0 }, [], logits.Length, choosable);
        Assert.All(Enumerable.Range(0, 20), step => Assert.InRange(chooser.Choose(logits, step).Id, 0, choosable - 1));
    });

    [Fact]
    public void Choose_SameSeed_GivesTheSameIds() => Gen.Select(Logits, Gen.ULong).Sample((logits, seed) =>
    {
        var options = new SamplingOptions { Temperature = 1.5f, Seed = seed, TopP = 0.95f };
        int[] Draw() => [.. Ids(Chooser(options, [], logits.Length), logits, 30)];
        Assert.Equal(Draw(), Draw());
    });

    [Fact]
    public void Choose_TopK_ChoosesAmongTheBestK() => Gen.Select(Logits, Gen.Int[1, 8], Gen.ULong).Sample((logits, k, seed) =>
    {
        var threshold = logits.OrderDescending().ElementAt(Math.Min(k, logits.Length) - 1);
        var chooser = Chooser(new SamplingOptions { Temperature = 3, TopK = k, Seed = seed, MinNewTokens = 0 }, [], logits.Length);
        Assert.All(Ids(chooser, logits, 30), id => Assert.True(logits[id] >= threshold));
    });

    [Fact]
    public void Choose_TopP_ChoosesInTheSmallestNucleus() => Gen.Select(Logits, Gen.Float[0.05f, 1], Gen.ULong).Sample((logits, topP, seed) =>
    {
        const float Temperature = 2;
        var p = Softmax(logits.Select(l => l / Temperature).ToArray());
        // An id is in while those better than it do not reach the nucleus; sums may differ in the last place.
        var nucleus = Enumerable.Range(0, p.Length).Where(i => p.Where((_, j) => logits[j] > logits[i]).Sum() < topP + 1e-6).ToHashSet();
        var chooser = Chooser(new SamplingOptions { Temperature = Temperature, TopP = topP, Seed = seed, MinNewTokens = 0 }, [], logits.Length);
        Assert.All(Ids(chooser, logits, 30), id => Assert.Contains(id, nucleus));
    });

    [Fact]
    public void Likeliest_AnyCount_TheHeadOfTheSortedLogSoftmax() => Gen.Select(Logits, Gen.Int[1, 20], Gen.Float[0, 2]).Sample((logits, count, temperature) =>
    {
        var choosable = logits.Length - 1;
        var chooser = new TokenChooser(new SamplingOptions { Temperature = temperature, Seed = 3, MinNewTokens = 1 }, [0], logits.Length, choosable);
        var scores = logits.Select((l, i) => i == 0 ? float.NegativeInfinity : l).ToArray();
        var p = Softmax(scores);

        chooser.Choose(logits, 0);
        var likeliest = chooser.Likeliest(count);

        var expected = Enumerable.Range(1, choosable - 1).OrderByDescending(i => logits[i]).ThenBy(i => i).Take(count).ToList();
        Assert.Equal(expected, likeliest.Select(l => l.Id));
        Assert.All(likeliest, l => Assert.Equal(Math.Log(p[l.Id]), l.LogProbability, 1e-3));
    });

    [Fact]
    public void Choose_ManyDraws_FollowTheProbabilities()
    {
        float[] logits = [1, 0, -1, 2, 0.5f, float.NegativeInfinity];
        var p = Softmax(logits.Select(l => l / 0.8f).ToArray());
        const int Draws = 60_000;
        var chooser = Chooser(new SamplingOptions { Temperature = 0.8f, Seed = 9, MinNewTokens = 0 }, [], logits.Length);
        var counts = new int[logits.Length];
        foreach (var id in Ids(chooser, logits, Draws))
        {
            counts[id]++;
        }

        for (var i = 0; i < p.Length; i++)
        {
            // Five standard deviations.
            Assert.InRange(counts[i], (Draws * p[i]) - (5 * Math.Sqrt(Draws * p[i] * (1 - p[i]))), (Draws * p[i]) + (5 * Math.Sqrt(Draws * p[i] * (1 - p[i]))));
        }
    }

    [Fact]
    public void Choose_NearlyNoTemperature_IsGreedy() => Logits.Sample(logits =>
    {
        var chooser = Chooser(new SamplingOptions { Temperature = 1e-30f, MinNewTokens = 0 }, [], logits.Length);
        Assert.Equal(logits.Max(), logits[chooser.Choose(logits, 0).Id]);
    });

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Choose_NotNumbers_Fails(float bad) =>
        Assert.Throws<InvalidOperationException>(() => Chooser(new SamplingOptions(), [], 3).Choose([0, bad, 1], 0));

    [Fact]
    public void Choose_Grammar_BestOfWhatItAllowsWithTheModelsOwnProbability() =>
        Gen.Select(Gen.Float[-20, 20].Array[60, 60], Gen.Float[0, 2], Gen.Int[0, 3], Gen.ULong).Sample((logits, temperature, top, seed) =>
        {
            // Ids are bytes from '0' on; the last one ends answers.
            var tokens = new TokenTrie([.. Enumerable.Range(0, logits.Length - 1).Select(i => (ReadOnlyMemory<byte>)new[] { (byte)('0' + i) })]);
            var options = new SamplingOptions { Temperature = temperature, TopLogProbabilities = top, Seed = seed, MinNewTokens = 0 };
            var cursor = new TokenGrammar(JsonGrammar.OfSchema("""{"type":"integer"}"""), tokens).Begin();
            var chooser = new TokenChooser(options, [logits.Length - 1], logits.Length, logits.Length, grammar: cursor);
            var p = Softmax(logits);
            for (var step = 0; step < 6; step++)
            {
                int[] allowed = [.. Enumerable.Range(0, logits.Length - 1).Where(cursor.Allows), .. cursor.MayEnd ? [logits.Length - 1] : Array.Empty<int>()];

                var choice = chooser.Choose(logits, step);

                Assert.Contains(choice.Id, allowed);
                Assert.Equal(Math.Log(p[choice.Id]), choice.LogProbability, 1e-3);
                Assert.True(temperature > 0 || logits[choice.Id] == allowed.Max(id => logits[id]));
                Assert.All(top == 0 ? [] : chooser.Likeliest(top), a => Assert.Contains(a.Id, allowed));
                if (choice.Id == logits.Length - 1)
                {
                    return;
                }
            }
        });

    [Fact]
    public void Choose_VocabularyThatCannotGoOn_RefusedByName()
    {
        var cursor = new TokenGrammar(JsonGrammar.OfSchema("{}"), new TokenTrie(["x"u8.ToArray(), "y"u8.ToArray()])).Begin();

        var error = Assert.Throws<EngineRequestException>(() => new TokenChooser(new SamplingOptions(), [], 2, 2, grammar: cursor).Choose([1, 2], 0));

        Assert.Equal("response_format", error.Field);
    }

    private static TokenChooser Chooser(SamplingOptions options, int[] ends, int vocabulary) => new(options, ends, vocabulary, vocabulary);

    private static IEnumerable<int> Ids(TokenChooser chooser, float[] logits, int count) => Enumerable.Range(0, count).Select(step => chooser.Choose(logits, step).Id);

    private static double[] Softmax(float[] logits)
    {
        var max = logits.Max();
        var e = Array.ConvertAll(logits, l => Math.Exp((double)l - max));
        var sum = e.Sum();
        return Array.ConvertAll(e, x => x / sum);
    }
}
