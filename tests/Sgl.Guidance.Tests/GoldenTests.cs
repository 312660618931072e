using System.Text.Json;
using Sgl.TestKit;

namespace Sgl.Guidance.Tests;

/// <summary>The method against the authors' own code; tolerances of the golden set's README.</summary>
public class GoldenTests
{
    private const float ImportanceTolerance = 4e-4f;

    public static TheoryData<string> Cases => GoldenCase.Names();

    [Fact]
    public void Names_BareClone_HasAllThirteenCases() => Assert.Equal(13, GoldenCase.Names().Count);

    [Fact]
    public void CasesByLayer_BareClone_HasAllElevenCases() => Assert.Equal(11, CasesByLayer.Count);

    /// <summary>All but Phi-3, whose golden runs do not split the decode rows by layer.</summary>
    public static TheoryData<string> CasesByLayer => GoldenCase.Names(golden => golden.Small.Contains("A_step_layer"));

    [Theory]
    [MemberData(nameof(CasesByLayer))]
    public void Accumulator_PerLayerParts_GivesTheAuthorsImportance(string name)
    {
        var golden = GoldenCase.Load(name);
        var perHead = golden.Small.Floats("A_prefill_layer_head");
        var perStep = golden.Small.Floats("A_step_layer");
        var (layers, heads, n) = Three(golden.Small.Shape("A_prefill_layer_head"));
        var steps = golden.Small.Shape("A_step_layer")[0];
        var accumulator = new ImportanceAccumulator(n, layers, new ImportanceOptions());

        for (var layer = 0; layer < layers; layer++)
        {
            var sum = new float[n];
            for (var i = 0; i < heads * n; i++)
            {
                sum[i % n] += perHead[(layer * heads * n) + i];
            }

            accumulator.AddPrefillLayer(layer, ImportanceRows.LastVisual | ImportanceRows.Prompt, sum);
        }

        for (var step = 1; step < steps; step++)
        {
            for (var layer = 0; layer < layers; layer++)
            {
                accumulator.AddDecodeLayer(layer, perStep.AsSpan(((step * layers) + layer) * n, n));
            }
        }

        Near(golden.Small.Floats("A_prefill"), accumulator.Prefill, ImportanceTolerance);
        Near(golden.Small.Floats("A_decode"), accumulator.Decode, ImportanceTolerance);
        Near(golden.Importance, accumulator.Total(), ImportanceTolerance);
        AssertKeptSets(golden, accumulator.Total());
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Accumulator_WholeForwards_GivesTheAuthorsImportance(string name)
    {
        var golden = GoldenCase.Load(name);
        var prefill = golden.Small.Floats("A_prefill");
        var steps = golden.Small.Floats("A_decode_steps");
        var accumulator = new ImportanceAccumulator(prefill.Length, 4, new ImportanceOptions());

        accumulator.AddPrefill(prefill);
        for (var at = 0; at < steps.Length; at += prefill.Length)
        {
            accumulator.AddDecode(steps.AsSpan(at, prefill.Length));
        }

        Near(golden.Importance, accumulator.Total(), ImportanceTolerance);
    }

    [Theory]
    [InlineData("internlm2/tiles4", ImportanceVariant.Reference, "A")]
    [InlineData("internlm2/tiles4", ImportanceVariant.Paper, "A_unused_helper")]
    public void PrefillRows_FromWholeAttentionMaps_SelectTheVariantsRows(string name, ImportanceVariant variant, string expected)
    {
        var golden = GoldenCase.Load(name);
        var options = new ImportanceOptions { Variant = variant };
        var accumulator = FromAttention(golden, options);
        var steps = golden.Small.Floats("A_decode_steps");
        for (var at = 0; at < steps.Length; at += golden.SmallVisual.Count)
        {
            accumulator.AddDecode(steps.AsSpan(at, golden.SmallVisual.Count));
        }

        Near(golden.Small.Floats(expected), accumulator.Total(), ImportanceTolerance);
    }

    [Theory]
    [InlineData("internlm2/tiles4")]
    [InlineData("phi3/tiles4")]
    public void PrefillRows_FromWholeAttentionMaps_GiveTheAuthorsPrefillPart(string name)
    {
        var golden = GoldenCase.Load(name);
        Near(golden.Small.Floats("A_prefill"), FromAttention(golden, new ImportanceOptions()).Prefill, ImportanceTolerance);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void KeepMask_EveryRatio_KeepsTheAuthorsTokens(string name)
    {
        var golden = GoldenCase.Load(name);
        AssertKeptSets(golden, golden.Importance);
        Assert.Equal(GoldenCase.Ints(golden.Small, "ranking"), Ranking.Descending(golden.Importance));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void KeptPositions_ConsistencyPass_AreTheAuthorsPositionIds(string name)
    {
        var golden = GoldenCase.Load(name);
        var visual = golden.SmallVisual;
        var generated = golden.Small.Longs("generated_ids").Length;
        foreach (var (text, ratio) in golden.Ratios())
        {
            var kept = visual.KeptPositions(KeepMask.FromImportance(golden.Importance, ratio));
            int[] expected = [.. kept, .. Enumerable.Range(visual.SequenceLength, generated)];
            Assert.Equal(GoldenCase.Ints(golden.Small, $"consistency_position_ids_r{text}"), expected);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LargeRuns_SgpOracleFastV_KeepTheAuthorsTokensAndPositions(string name)
    {
        var golden = GoldenCase.Load(name);
        if (golden.Large is not { } large)
        {
            Assert.Equal(JsonValueKind.Null, golden.Manifest.GetProperty("large_checkpoint").ValueKind);
            return;
        }

        var visual = golden.LargeVisual;
        var runs = 0;
        foreach (var run in golden.Manifest.GetProperty("large").GetProperty("runs").EnumerateObject())
        {
            if (!run.Value.TryGetProperty("K", out var layer))
            {
                continue;
            }

            var importance = run.Value.GetProperty("importance").GetString() switch
            {
                "sgp" => golden.Importance,
                "oracle" => large.Floats("oracle_A"),
                { } fastV => large.Floats($"fastv_importance_K{fastV["fastv".Length..]}"),
                null => throw new InvalidDataException(run.Name),
            };
            var mask = KeepMask.FromImportance(importance, run.Value.GetProperty("ratio").GetDouble());
            var plan = PrunePlan.Create([new PruneStep(layer.GetInt32(), mask)], 8, visual.Count);

            Assert.Equal(run.Value.GetProperty("kept_count").GetInt32(), mask.Count);
            Assert.Equal(GoldenCase.Ints(large, $"{run.Name}.kept"), mask.Indices());
            Assert.Equal(GoldenCase.Ints(large, $"{run.Name}.kept_position_ids"), visual.KeptPositions(plan.Steps[0].Mask));
            Assert.Equal(
                PruneSchedule.AverageRetention(layer.GetInt32(), (double)mask.Count / mask.Length, 8), plan.AverageRetention(8), 12);
            runs++;
        }

        Assert.True(runs > 0);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void ExitScores_StepProbabilities_AreTheAuthors(string name)
    {
        var golden = GoldenCase.Load(name);
        var small = golden.SmallManifest;
        var steps = golden.Small.Floats("confidence_step_prob");
        var logs = golden.Small.Floats("step_logprob");
        var confidence = small.GetProperty("confidence").GetDouble();

        NearRelative(confidence, ExitScores.Confidence(Array.ConvertAll(steps, MathF.Log)), 1e-4);
        NearRelative(confidence, ExitScores.Confidence(logs), 1e-4);
        foreach (var (text, _) in golden.Ratios())
        {
            var expected = small.GetProperty("consistency").GetProperty(text).GetDouble();
            var pruned = golden.Small.Floats($"consistency_step_prob_r{text}");
            NearRelative(expected, ExitScores.Consistency(Array.ConvertAll(pruned, MathF.Log)), 1e-4);
        }

        var usual = small.GetProperty("consistency_default_ratio").GetDouble();
        var logsPruned = Array.ConvertAll(
            golden.Small.Floats(FormattableString.Invariant($"consistency_step_prob_r{usual}")), MathF.Log);
        NearRelative(
            small.GetProperty("decision_eq9").GetDouble(), ExitScores.Of(logs, [], 512, logsPruned).Decision, 1e-4);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LogProbability_RawLogits_IsTheStoredOne(string name)
    {
        var golden = GoldenCase.Load(name);
        var logits = golden.Small.Floats("step_logits");
        var ids = GoldenCase.Ints(golden.Small, "generated_ids");
        var expected = golden.Small.Floats("step_logprob_raw");
        var vocabulary = logits.Length / ids.Length;
        var weights = new float[vocabulary];
        for (var i = 0; i < ids.Length; i++)
        {
            var step = logits.AsSpan(i * vocabulary, vocabulary);
            Assert.Equal(expected[i], LogSoftmax.Of(step, weights).LogProbability(step[ids[i]]), 6e-4f);
        }
    }

    [SkippableTheory]
    [InlineData("qwen2vl")]
    [InlineData("llavaov")]
    public void KeepMask_OtherFamilies_KeepTheReferenceTokens(string family)
    {
        var folder = SharedData.Require("goldens-families", "cases", family);
        foreach (var manifest in Directory.GetFiles(folder, "manifest.json", SearchOption.AllDirectories))
        {
            AssertKeptSets(GoldenCase.LoadFolder(Path.GetDirectoryName(manifest)!), null);
        }
    }

    private static void AssertKeptSets(GoldenCase golden, float[]? importance)
    {
        importance ??= golden.Importance;
        Assert.NotEmpty(golden.Ratios());
        foreach (var (text, ratio) in golden.Ratios())
        {
            var expected = GoldenCase.Ints(golden.Small, $"kept_r{text}");
            Assert.Equal(expected.Length, KeepCount.Of(importance.Length, ratio));
            Assert.Equal(expected, KeepMask.FromImportance(importance, ratio).Indices());
        }
    }

    private static ImportanceAccumulator FromAttention(GoldenCase golden, ImportanceOptions options)
    {
        var attention = golden.Small.Floats("prefill_attention");
        var shape = golden.Small.Shape("prefill_attention");
        var (layers, heads, length) = (shape[0], shape[1], shape[2]);
        var visual = golden.SmallVisual;
        var (start, end) = visual.PrefillRows(options.Rows);
        var positions = visual.Positions();
        var accumulator = new ImportanceAccumulator(visual.Count, layers, options);
        for (var layer = 0; layer < layers; layer++)
        {
            var sum = new float[visual.Count];
            for (var head = 0; head < heads; head++)
            {
                for (var row = start; row < end; row++)
                {
                    for (var i = 0; i < sum.Length; i++)
                    {
                        sum[i] += attention[(((((layer * heads) + head) * length) + row) * length) + positions[i]];
                    }
                }
            }

            accumulator.AddPrefillLayer(layer, options.Rows & ~ImportanceRows.Generated, sum);
        }

        return accumulator;
    }

    private static (int A, int B, int C) Three(int[] shape) => (shape[0], shape[1], shape[2]);

    private static void Near(float[] expected, ReadOnlySpan<float> actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance);
        }
    }

    private static void NearRelative(double expected, double actual, double tolerance) =>
        Assert.InRange(actual, expected * (1 - tolerance), expected * (1 + tolerance));
}
