using System.Globalization;
using System.Numerics.Tensors;
using Sgl.Guidance;
using Sgl.Inference;
using Sgl.Text;
using Sgl.Verification.Internal.Judging;
using Sgl.Vision;

namespace Sgl.Verification.Internal;

/// <summary>
/// Runs one case through the real preprocessing, graphs, engine and guidance, and compares all that they show of what the golden files hold: values inside
/// a graph (norms of hidden states, maps of single heads) are seen through what follows from them.
/// </summary>
internal sealed class CaseVerifier(GoldenManifest manifest, EnginePool engines)
{
    private readonly Comparison _comparison = new();
    private readonly Tolerances _tolerances = Tolerances.For(manifest.IsFamilySet);
    private float[] _smallRanking = [];
    private bool _smallIsWhole;

    public async Task<CaseReport> RunAsync(CancellationToken cancellationToken)
    {
        using var inputs = new GoldenTensors(Path.Combine(manifest.Folder, "inputs.safetensors"));
        var small = await engines.GetAsync(manifest.SmallCheckpoint, cancellationToken).ConfigureAwait(false);
        var importance = await SmallAsync(small, inputs, cancellationToken).ConfigureAwait(false);
        if (manifest.Large is not null)
        {
            var large = await engines.GetAsync(manifest.LargeCheckpoint!, cancellationToken).ConfigureAwait(false);
            await LargeAsync(large, inputs, importance, cancellationToken).ConfigureAwait(false);
        }

        return new CaseReport(manifest.Name, _comparison.Checks);
    }

    private async Task<float[]> SmallAsync(LoadedCheckpoint model, GoldenTensors inputs, CancellationToken cancellationToken)
    {
        var (engine, side, judge) = (model.Engine, manifest.Small, engines.Judge(_comparison, model));
        using var golden = new GoldenTensors(Path.Combine(manifest.Folder, "small.safetensors"));
        var prompt = Prompt(engine, side, inputs, golden, "input_ids_small");
        await VisionAsync("small", engine, judge, prompt, golden, cancellationToken).ConfigureAwait(false);

        var ratios = side.KeptCounts.Keys.ToList();
        var trace = new GenerationTrace { ConsistencyRatios = [.. ratios.Select(r => double.Parse(r, CultureInfo.InvariantCulture))] };
        var result = await GenerateAsync(engine, prompt, side, PrunePlan.None, new ImportanceOptions(), side.DefaultRatio, trace, cancellationToken).ConfigureAwait(false);
        var logits = golden.Floats("step_logits");
        var scale = RoundedJudge.Size(logits);
        var ids = side.GeneratedIds ?? golden.Ints("generated_ids");
        var answer = judge.Answer("small.generated_ids", [.. result.TokenIds], ids, logits);
        if (side.KvFinal is { } kv && answer.Whole)
        {
            _comparison.Identical("small.kv_lengths", [.. result.Usage.KvLengths], kv);
        }

        if (side.GeneratedCount is { } count && answer.Whole)
        {
            _comparison.Identical("small.n_generated", [result.TokenIds.Count], [count]);
        }

        ComparePrefill("small", judge, trace, golden, _tolerances.SmallLogits);
        CompareSteps("small", "", judge, answer, result, trace, golden, _tolerances.SmallLogits);
        judge.Importance("small.A_prefill", trace.ImportancePrefill, golden.Floats("A_prefill"), _tolerances.Importance);
        (_smallRanking, _smallIsWhole) = (golden.Floats("A"), answer.Whole);
        if (answer.Whole)
        {
            judge.Importance("small.A_decode", trace.ImportanceDecode, golden.Floats("A_decode"), _tolerances.Importance);
            judge.Importance("small.A", result.Importance, _smallRanking, _tolerances.Importance);
        }

        CompareImportanceLayers(judge, answer, trace, golden);
        if (answer.Whole)
        {
            CompareScores(judge, result, trace, golden, ratios, scale);
        }

        await PaperVariantAsync(engine, judge, prompt, golden, ids, cancellationToken).ConfigureAwait(false);
        if (engines.IsWarm)
        {
            await WarmSmallAsync(engine, prompt, golden, cancellationToken).ConfigureAwait(false);
        }

        return result.Importance!;
    }

    private void CompareScores(IJudge judge, GenerationResult result, GenerationTrace trace, GoldenTensors golden, List<string> ratios, double scale)
    {
        var (side, same) = (manifest.Small, true);
        for (var i = 0; i < ratios.Count; i++)
        {
            same &= CompareConsistency(judge, ratios[i], trace.Consistency[i], golden, scale);
        }

        if (side.Confidence is { } confidence)
        {
            judge.Score("small.confidence", result.Scores!.Confidence, confidence, _tolerances.Confidence, scale, trace.LogProbabilities.Length);
        }

        // What it is made of was measured on a kept set: with another one it is another number.
        if (side.Decision is { } decision && same)
        {
            judge.Score("small.decision", result.Scores!.Decision, decision, _tolerances.Consistency, scale, 2 * trace.LogProbabilities.Length);
        }
    }

    /// <summary>The authors' unused helper starts one row later, which is the paper's definition of A^P.</summary>
    private async Task PaperVariantAsync(VlmEngine engine, IJudge judge, PreparedPrompt prompt, GoldenTensors golden, IReadOnlyList<int> ids, CancellationToken cancellationToken)
    {
        if (!golden.Has("A_unused_helper"))
        {
            return;
        }

        var trace = new GenerationTrace();
        var options = new ImportanceOptions { Variant = ImportanceVariant.Paper };
        var result = await GenerateAsync(engine, prompt, manifest.Small, PrunePlan.None, options, null, trace, cancellationToken).ConfigureAwait(false);
        if (judge.IsExact || result.TokenIds.SequenceEqual(ids))
        {
            judge.Importance("small.A_paper_variant", result.Importance, golden.Floats("A_unused_helper"), _tolerances.Importance);
        }
    }

    /// <summary>The same behind another question about the same image, so that its beginning is known.</summary>
    private async Task WarmSmallAsync(VlmEngine engine, PreparedPrompt prompt, GoldenTensors golden, CancellationToken cancellationToken)
    {
        var side = manifest.Small;
        var (neighbour, same, common) = Neighbours.Of(prompt, $"{manifest.Name} small");
        Task<GenerationResult> RunAsync(PreparedPrompt p) => GenerateAsync(engine, p, side, PrunePlan.None, new ImportanceOptions(), side.DefaultRatio, null, cancellationToken);
        await RunAsync(neighbour).ConfigureAwait(false);
        var result = await RunAsync(same).ConfigureAwait(false);
        _comparison.Identical("small.warm.cached_prompt_tokens", [result.Usage.CachedPromptTokens], [Math.Min(common, side.VisualEnd)]);
        _comparison.Identical("small.warm.generated_ids", [.. result.TokenIds], side.GeneratedIds ?? golden.Ints("generated_ids"));
        _comparison.Floats("small.warm.A", result.Importance, golden.Floats("A"), _tolerances.Importance);
        if (side.KvFinal is { } kv)
        {
            _comparison.Identical("small.warm.kv_lengths", [.. result.Usage.KvLengths], kv);
        }

        if (side.Decision is { } decision)
        {
            _comparison.Relative("small.warm.decision", result.Scores!.Decision, decision, _tolerances.Consistency);
        }
    }

    /// <summary>The same behind another question about the same image that kept other tokens, at the same layer and at an earlier one.</summary>
    private async Task WarmRunAsync(VlmEngine engine, PreparedPrompt prompt, GoldenRun run, KeepMask? mask, CancellationToken cancellationToken)
    {
        var side = manifest.Large!;
        var layer = run.PruneLayer is { } k && k < engine.Model.Layers ? k : engine.Model.Layers;
        PrunePlan Plan(KeepMask kept) =>
            layer < engine.Model.Layers ? PrunePlan.Create([new PruneStep(layer, kept)], engine.Model.Layers, kept.Length) : PrunePlan.None;
        var kept = mask ?? KeepMask.FromIndices(manifest.VisualTokens, []);
        var (neighbour, same, common) = Neighbours.Of(prompt, $"{manifest.Name} {run.Tag}");
        await GenerateAsync(engine, neighbour, side, Plan(Neighbours.Others(kept)), null, null, null, cancellationToken).ConfigureAwait(false);
        var result = await GenerateAsync(engine, same, side, Plan(kept), null, null, null, cancellationToken).ConfigureAwait(false);
        _comparison.Identical("large.warm.cached_prompt_tokens", [result.Usage.CachedPromptTokens], [layer == 0 ? side.VisualStart : common]);
        CompareWarm("warm", run, result);

        // Where the other question was pruned earlier, what it left goes on from there.
        var earlier = engine.Model.PruneLayers.LastOrDefault(l => l < layer);
        if (earlier == 0)
        {
            return;
        }

        (neighbour, same, common) = Neighbours.Of(prompt, $"{manifest.Name} {run.Tag} behind layer {earlier}");
        var sooner = PrunePlan.Create([new PruneStep(earlier, Neighbours.Others(kept))], engine.Model.Layers, kept.Length);
        await GenerateAsync(engine, neighbour, side, sooner, null, null, null, cancellationToken).ConfigureAwait(false);
        var before = engine.Load.PrefixCache.ContinuedTokens;
        result = await GenerateAsync(engine, same, side, Plan(kept), null, null, null, cancellationToken).ConfigureAwait(false);
        _comparison.Identical("large.continued.tokens", [(int)(engine.Load.PrefixCache.ContinuedTokens - before)], [common - side.VisualStart]);
        CompareWarm("continued", run, result);
    }

    private void CompareWarm(string how, GoldenRun run, GenerationResult result)
    {
        _comparison.Identical($"large.{how}.generated_ids", [.. result.TokenIds], run.GeneratedIds);
        if (run.KvFinal is { } final)
        {
            _comparison.Identical($"large.{how}.kv_final", [.. result.Usage.KvLengths], final);
        }
    }

    private async Task LargeAsync(LoadedCheckpoint model, GoldenTensors inputs, float[] smallImportance, CancellationToken cancellationToken)
    {
        var (engine, side, judge) = (model.Engine, manifest.Large!, engines.Judge(_comparison, model));
        using var golden = new GoldenTensors(Path.Combine(manifest.Folder, "large.safetensors"));
        var prompt = Prompt(engine, side, inputs, golden, "input_ids_large");
        await VisionAsync("large", engine, judge, prompt, golden, cancellationToken).ConfigureAwait(false);

        var unpruned = new GenerationTrace();
        var full = await GenerateAsync(engine, prompt, side, PrunePlan.None, new ImportanceOptions(), null, unpruned, cancellationToken).ConfigureAwait(false);
        ComparePrefill("large", judge, unpruned, golden, _tolerances.LargeLogits);
        // The oracle looks at the whole answer.
        var fullIsWhole = judge.IsExact || side.Runs.FirstOrDefault(r => r.PruneLayer is null)?.GeneratedIds.SequenceEqual(full.TokenIds) == true;
        if (golden.Has("oracle_A") && fullIsWhole)
        {
            judge.Importance("large.oracle_A", full.Importance, golden.Floats("oracle_A"), _tolerances.Importance);
        }

        foreach (var run in side.Runs)
        {
            if (run.PruneLayer is not { } layer)
            {
                CompareRun(run, judge, full, unpruned, golden);
                if (engines.IsWarm)
                {
                    await WarmRunAsync(engine, prompt, run, mask: null, cancellationToken).ConfigureAwait(false);
                }

                continue;
            }

            // The manifests write the layer behind the name: fastv2 is FastV in front of layer 2.
            var (ranking, expected, comparable) = run.Importance.TrimEnd([.. "0123456789"]) switch
            {
                "sgp" => (smallImportance, _smallRanking, _smallIsWhole),
                "oracle" => (full.Importance!, golden.Has("oracle_A") ? golden.Floats("oracle_A") : [], fullIsWhole),
                "fastv" => await FastVAsync(engine, judge, prompt, side, layer, golden, cancellationToken).ConfigureAwait(false),
                _ => throw new GoldenDataException($"{manifest.Name}: run {run.Tag} ranks by '{run.Importance}', which is not known"),
            };
            var own = KeepMask.FromImportance(ranking, run.Ratio);
            var mask = judge.IsExact || expected.Length == 0 ? own : KeepMask.FromImportance(expected, run.Ratio);
            var plan = layer < engine.Model.Layers
                ? PrunePlan.Create([new PruneStep(layer, mask)], engine.Model.Layers, prompt.VisualTokenCount)
                : PrunePlan.None;
            var trace = new GenerationTrace();
            var result = await GenerateAsync(engine, prompt, side, plan, null, null, trace, cancellationToken).ConfigureAwait(false);
            CompareRun(run, judge, result, trace, golden);
            if (engines.IsWarm)
            {
                await WarmRunAsync(engine, prompt, run, mask, cancellationToken).ConfigureAwait(false);
            }

            if (golden.Has($"{run.Tag}.kept") && comparable)
            {
                judge.Kept("large.kept", own.Indices(), golden.Ints($"{run.Tag}.kept"), expected);
            }
            else if (!judge.IsExact && comparable)
            {
                judge.Kept("large.kept", own.Indices(), mask.Indices(), expected);
            }

            if (run.KeptCount is { } kept)
            {
                _comparison.Identical("large.kept_count", [mask.Indices().Length], [kept]);
            }

            if (plan != PrunePlan.None && golden.Has($"{run.Tag}.kept_position_ids"))
            {
                _comparison.Identical("large.kept_position_ids", Flatten(trace.StagePositions[layer]), golden.Ints($"{run.Tag}.kept_position_ids"));
            }
        }
    }

    /// <returns>What the engine ranks by, the golden ranking where there is one, and that they are about the same.</returns>
    private async Task<(float[] Own, float[] Golden, bool Comparable)> FastVAsync(
        VlmEngine engine, IJudge judge, PreparedPrompt prompt, GoldenSide side, int layer, GoldenTensors golden, CancellationToken cancellationToken)
    {
        var trace = new GenerationTrace();
        var result = await GenerateAsync(
            engine, prompt, side, PrunePlan.None, new ImportanceOptions { Source = ImportanceSource.LastPrompt, SingleLayer = layer - 1 }, null, trace, cancellationToken, maxNewTokens: 1).ConfigureAwait(false);
        var key = string.Create(CultureInfo.InvariantCulture, $"fastv_importance_K{layer}");
        if (!golden.Has(key))
        {
            return (result.Importance!, [], true);
        }

        // The golden ranking is the mean over heads, ours the sum.
        var expected = golden.Floats(key);
        var heads = engine.AttentionHeads;
        judge.Importance("large.fastv_importance", [.. result.Importance!.Select(a => a / heads)], expected, 2e-6);
        return (result.Importance!, expected, true);
    }

    private async Task VisionAsync(string model, VlmEngine engine, IJudge judge, PreparedPrompt prompt, GoldenTensors golden, CancellationToken cancellationToken)
    {
        var features = await engine.FeaturesAsync(prompt, cancellationToken).ConfigureAwait(false);
        var width = engine.Model.HiddenSize;
        var parts = features.Length / Math.Max(1, prompt.VisualTokenCount) / width;
        judge.Vision($"{model}.vision_features", Part(features, 0, parts, width), golden.Floats("vision_features"), _tolerances.Vision);
        var deepStack = golden.Count(DeepStackName);
        _comparison.Identical($"{model}.deepstack_count", [parts - 1], [deepStack]);
        for (var j = 0; j < Math.Min(deepStack, parts - 1); j++)
        {
            judge.Vision($"{model}.deepstack_features", Part(features, 1 + j, parts, width), golden.Floats(DeepStackName(j)), _tolerances.Vision);
        }

        var last = (await engine.VisionLastHiddenAsync(prompt, cancellationToken).ConfigureAwait(false)).SelectMany(r => r).ToArray();
        judge.Vision($"{model}.vision_last_hidden", last, golden.Floats("vision_last_hidden"), _tolerances.Vision);
    }

    private static string DeepStackName(int j) => string.Create(CultureInfo.InvariantCulture, $"deepstack_features.{j}");

    /// <summary>The j-th of several rows that lie side by side for each visual token.</summary>
    private static float[] Part(float[] features, int j, int parts, int width) =>
        [.. Enumerable.Range(0, features.Length / (parts * width)).SelectMany(token => features.AsSpan(((token * parts) + j) * width, width).ToArray())];

    /// <summary>What the unpruned prompt is and gives.</summary>
    private void ComparePrefill(string model, IJudge judge, GenerationTrace trace, GoldenTensors golden, double logitTolerance)
    {
        var positions = trace.StagePositions[0];
        if (golden.Has("position_ids"))
        {
            _comparison.Identical($"{model}.position_ids", Flatten(positions), golden.Ints("position_ids"));
        }

        if (golden.Has("rope_delta"))
        {
            _comparison.Identical($"{model}.rope_delta", [positions.Max(axis => axis.Max()) + 1 - positions[0].Length], golden.Ints("rope_delta"));
        }

        ComparePrefillLogits(model, "", judge, trace, golden, logitTolerance);
        if (golden.Has("inputs_embeds"))
        {
            judge.Vision($"{model}.inputs_embeds", trace.InputEmbeddings, golden.Floats("inputs_embeds"), _tolerances.Vision);
        }
    }

    private static void ComparePrefillLogits(string model, string prefix, IJudge judge, GenerationTrace trace, GoldenTensors golden, double logitTolerance)
    {
        if (golden.Has(prefix + "prefill_logits_last"))
        {
            var expected = golden.Floats(prefix + "prefill_logits_last");
            judge.Logits($"{model}.prefill_logits", trace.StepLogits[0], expected, LogitTolerance(expected, logitTolerance));
        }
    }

    private void CompareSteps(string model, string prefix, IJudge judge, Answer answer, GenerationResult result, GenerationTrace trace, GoldenTensors golden, double logitTolerance)
    {
        var expected = golden.Floats(prefix + "step_logits");
        var (width, scale) = (trace.StepLogits[0].Length, RoundedJudge.Size(expected));
        judge.Steps($"{model}.step_logits", answer.Seen([.. trace.StepLogits.SelectMany(l => l)], width), answer.Seen(expected, width), width, LogitTolerance(expected, logitTolerance));
        judge.LogProbabilities($"{model}.step_logprob", answer.Chosen(trace.LogProbabilities), answer.Chosen(golden.Floats(prefix + "step_logprob")), _tolerances.LogProbability, scale);
        if (golden.Has(prefix + "generated_ids"))
        {
            judge.Answer($"{model}.generated_ids", [.. result.TokenIds], golden.Ints(prefix + "generated_ids"), expected);
        }

        if (golden.Has(prefix + "step_logprob_raw"))
        {
            float[] raw = [.. trace.StepLogits.Zip(result.TokenIds, RawLogProbability)];
            judge.LogProbabilities($"{model}.step_logprob_raw", answer.Chosen(raw), answer.Chosen(golden.Floats(prefix + "step_logprob_raw")), _tolerances.LogProbability, scale);
        }

        if (golden.Has(prefix + "confidence_step_prob"))
        {
            judge.Probabilities(
                $"{model}.confidence_step_prob",
                answer.Chosen(trace.LogProbabilities).ToArray(),
                answer.Chosen(golden.Floats(prefix + "confidence_step_prob")).ToArray(),
                relative: false,
                _tolerances.LogProbability,
                scale);
        }
    }

    /// <summary>Golden sets of a wider vocabulary have larger logits; the stated bound is for a range of about 25.</summary>
    private static double LogitTolerance(ReadOnlySpan<float> expected, double stated) =>
        stated * Math.Max(1, Math.Abs(TensorPrimitives.MaxMagnitude(expected)) / 25.0);

    private static float RawLogProbability(float[] logits, int id)
    {
        var largest = (double)TensorPrimitives.Max<float>(logits);
        return (float)(logits[id] - largest - Math.Log(logits.Sum(l => Math.Exp(l - largest))));
    }

    private void CompareImportanceLayers(IJudge judge, Answer answer, GenerationTrace trace, GoldenTensors golden)
    {
        var passes = trace.ImportanceByLayer.Take(answer.Passes).ToList();
        if (golden.Has("A_step_layer"))
        {
            var actual = passes.SelectMany(pass => pass).SelectMany(layer => layer).ToArray();
            judge.Importance("small.A_step_layer", actual, answer.Seen(golden.Floats("A_step_layer"), trace.ImportanceByLayer[0].Sum(layer => layer.Length)), _tolerances.Importance);
        }

        if (golden.Has("A_decode_steps"))
        {
            float[] steps = [.. passes.Skip(1).SelectMany(pass => Enumerable.Range(0, manifest.VisualTokens).Select(v => pass.Sum(layer => layer[v])))];
            var expected = golden.Floats("A_decode_steps");
            judge.Importance("small.A_decode_steps", steps, answer.Whole ? expected : expected.AsSpan(0, Math.Min(expected.Length, steps.Length)), _tolerances.Importance);
        }
    }

    /// <returns>Whether the pass kept the golden tokens, so that scores made of it can be compared.</returns>
    private bool CompareConsistency(IJudge judge, string ratio, ConsistencyTrace pass, GoldenTensors golden, double scale)
    {
        var same = judge.Kept("small.kept", pass.Kept, golden.Ints($"kept_r{ratio}"), _smallRanking);
        _comparison.Identical("small.kept_count", [pass.Kept.Length], [manifest.Small.KeptCounts[ratio]]);
        if (!same)
        {
            return false;
        }

        if (golden.Has($"consistency_position_ids_r{ratio}"))
        {
            _comparison.Identical("small.consistency_position_ids", Flatten(pass.Positions), golden.Ints($"consistency_position_ids_r{ratio}"));
        }

        judge.Probabilities(
            "small.consistency_step_prob", pass.LogProbabilities, golden.Floats($"consistency_step_prob_r{ratio}"), relative: !manifest.IsFamilySet, _tolerances.ConsistencyStep, scale);
        if (golden.Has($"consistency_step_logits_r{ratio}"))
        {
            judge.Logits("small.consistency_step_logits", pass.Logits, golden.Floats($"consistency_step_logits_r{ratio}"), _tolerances.SmallLogits);
        }

        if (manifest.Small.Consistency.TryGetValue(ratio, out var consistency) && consistency > 1e-30)
        {
            judge.Score("small.consistency", ExitScores.Consistency(pass.LogProbabilities), consistency, _tolerances.Consistency, scale, pass.LogProbabilities.Length);
        }

        return true;
    }

    private void CompareRun(GoldenRun run, IJudge judge, GenerationResult result, GenerationTrace trace, GoldenTensors golden)
    {
        var answer = judge.Answer("large.generated_ids", [.. result.TokenIds], run.GeneratedIds, golden.Floats(run.Tag + ".step_logits"));
        ComparePrefillLogits("large", run.Tag + ".", judge, trace, golden, _tolerances.LargeLogits);
        CompareSteps("large", run.Tag + ".", judge, answer, result, trace, golden, _tolerances.LargeLogits);
        if (run.KvPrefill is { } prefill)
        {
            _comparison.Identical("large.kv_after_prefill", trace.KvLengthsAfterPrefill, prefill);
        }

        if (run.KvFinal is { } final && answer.Whole)
        {
            _comparison.Identical("large.kv_final", [.. result.Usage.KvLengths], final);
        }

        if (run.DecodePositions is { } positions && answer.Whole)
        {
            _comparison.Identical("large.decode_position_ids", [.. trace.DecodePositions], positions);
        }
    }

    private async Task<GenerationResult> GenerateAsync(
        VlmEngine engine,
        PreparedPrompt prompt,
        GoldenSide side,
        PrunePlan plan,
        ImportanceOptions? importance,
        double? consistencyRatio,
        GenerationTrace? trace,
        CancellationToken cancellationToken,
        int? maxNewTokens = null)
    {
        var options = new GenerationOptions
        {
            Sampling = new SamplingOptions
            {
                MaxNewTokens = maxNewTokens ?? manifest.MaxNewTokens,
                MinNewTokens = manifest.MinNewTokens,
                StopTokenIds = side.EosIds,
            },
            Importance = importance,
            ConsistencyRatio = consistencyRatio,
            Plan = plan,
            Trace = trace,
        };
        await foreach (var generated in engine.GenerateAsync(prompt, options, cancellationToken).ConfigureAwait(false))
        {
            if (generated is GenerationEvent.Completed completed)
            {
                return completed.Result;
            }
        }

        throw new InvalidOperationException("the engine ended without a result");
    }

    private PreparedPrompt Prompt(VlmEngine engine, GoldenSide side, GoldenTensors inputs, GoldenTensors golden, string idsName)
    {
        var visual = inputs.Has("image_u8") ? FromImage(engine, inputs) : FromPixels(inputs);
        _comparison.Identical("visual_tokens", [visual.Layout.TokenCount], [manifest.VisualTokens]);
        LayoutCheck.Run(_comparison, visual, manifest.Layout);
        if (golden.Has("newline_index"))
        {
            _comparison.Identical("layout.newline_index", LayoutCheck.Newlines(visual.Layout), golden.Ints("newline_index"));
        }

        var ids = inputs.Ints(idsName);
        if (side.PromptLength is { } length)
        {
            _comparison.Identical("prompt_length", [ids.Length], [length]);
        }

        var span = new ImageSpan(0, side.VisualStart, side.VisualEnd - side.VisualStart + 1);
        return new PreparedPrompt(ids, [span], [visual]);
    }

    private VisualInput FromImage(VlmEngine engine, GoldenTensors inputs)
    {
        var shape = inputs.Shape("image_u8");
        var visual = engine.Preprocess(new RgbImage(shape[1], shape[0], inputs.Bytes("image_u8")));
        _comparison.Floats("pixel_values", visual.PixelValues, inputs.Floats("pixel_values"), 1e-6);
        _comparison.Identical("pixel_values_shape", visual.Shape, inputs.Shape("pixel_values"));
        if (visual.Grid is { } grid && inputs.Has("image_grid_thw"))
        {
            _comparison.Identical("image_grid_thw", [grid.T, grid.H, grid.W], inputs.Ints("image_grid_thw"));
        }

        return visual;
    }

    /// <summary>Cases that start from pixel values have no image; one row of tokens per tile stands for its layout.</summary>
    private VisualInput FromPixels(GoldenTensors inputs)
    {
        var shape = inputs.Shape("pixel_values");
        var perTile = manifest.VisualTokens / shape[0];
        var tiles = Enumerable.Range(0, shape[0]).Select(t => new VisualTile(t, TileKind.Tile, t * perTile, 1, perTile, 0, t * shape[2], shape[3], shape[2]));
        return new VisualInput
        {
            PixelValues = inputs.Floats("pixel_values"),
            Shape = shape,
            Layout = new VisualLayout(shape[3], shape[2] * shape[0], [.. tiles]),
        };
    }

    private static int[] Flatten(int[][] axes) => [.. axes.SelectMany(a => a)];
}
