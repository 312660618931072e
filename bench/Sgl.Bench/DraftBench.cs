using Sgl.Inference;

namespace Sgl.Bench;

/// <summary>The large model's answer with the small answer as a draft, against without: all of it right, half of it, none.</summary>
internal static class DraftBench
{
    public static async Task<Section> RunAsync(Subject subject, BenchOptions options)
    {
        var engine = await subject.EngineAsync(large: true);
        var section = new Section(
            $"The large model with a draft of its answer ({options.Tokens} tokens), against without", "prefill and decode together; the ids generated are the same in every row",
            ["prompt", "draft right", "decode steps", "without, ms", "with, ms", "ratio"]);
        foreach (var (name, prompt) in await subject.PromptsAsync(large: true))
        {
            var plain = Measuring.Tokens(options.Tokens);
            var answer = await IdsAsync(engine, prompt, plain);
            foreach (var right in new[] { answer.Count, answer.Count / 2, 0 })
            {
                int[] draft = [.. answer.Select((id, i) => i < right ? id : (id + 1) % engine.Model.VocabularySize)];
                var drafted = plain with { Draft = draft };
                if (!answer.SequenceEqual(await IdsAsync(engine, prompt, drafted)))
                {
                    throw new InvalidOperationException($"{name}: a draft changed the answer");
                }

                var s = await Measuring.InterleavedAsync(options.Rounds, () => CostAsync(engine, prompt, plain), () => CostAsync(engine, prompt, drafted));
                var steps = answer.Count - 1 - Math.Min(right, answer.Count - 1);
                section.Row(
                    name, $"{right} of {answer.Count}", $"{steps} instead of {answer.Count - 1}", Measuring.Milliseconds(s[0]), Measuring.Milliseconds(s[1]), Measuring.Ratio(s[1], s[0]));
            }
        }

        return section;
    }

    private static async Task<Cost> CostAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options)
    {
        var phases = await Measuring.PhasesAsync(engine, prompt, options);
        return phases.Prefill + phases.Decode;
    }

    private static async Task<IReadOnlyList<int>> IdsAsync(VlmEngine engine, PreparedPrompt prompt, GenerationOptions options)
    {
        var ids = new List<int>();
        await foreach (var generated in engine.GenerateAsync(prompt, options, CancellationToken.None))
        {
            if (generated is GenerationEvent.Token token)
            {
                ids.Add(token.Id);
            }
        }

        return ids;
    }
}
