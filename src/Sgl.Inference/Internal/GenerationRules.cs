using Sgl.Guidance;

namespace Sgl.Inference.Internal;

/// <summary>What a generation may ask of an engine.</summary>
internal sealed class GenerationRules(EngineOptions engine, ModelDescription model)
{
    /// <summary>Throws for the first thing that does not fit.</summary>
    /// <exception cref="EngineRequestException">Names the field.</exception>
    public void Check(PreparedPrompt prompt, GenerationOptions options)
    {
        var outside = Array.FindIndex(prompt.Ids, id => id < 0 || id >= model.VocabularySize);
        if (prompt.Ids.Length == 0 || outside >= 0)
        {
            throw new EngineRequestException("messages", outside < 0 ? "the prompt is empty" : $"id {prompt.Ids[outside]} at {outside} is not in the vocabulary of {model.VocabularySize}");
        }

        var sampling = options.Sampling;
        if (sampling.MaxNewTokens < 1 || sampling.MaxNewTokens > engine.MaxNewTokens)
        {
            throw new EngineRequestException("sampling.max_new_tokens", $"must be between 1 and {engine.MaxNewTokens}, was {sampling.MaxNewTokens}");
        }

        if (sampling.MinNewTokens < 0 || sampling.MinNewTokens > sampling.MaxNewTokens)
        {
            throw new EngineRequestException("sampling.min_new_tokens", $"must be between 0 and max_new_tokens ({sampling.MaxNewTokens}), was {sampling.MinNewTokens}");
        }

        if (!(sampling.Temperature >= 0) || !float.IsFinite(sampling.Temperature))
        {
            throw new EngineRequestException("sampling.temperature", $"must be a number of at least 0, was {sampling.Temperature}");
        }

        if (!(sampling.TopP is > 0 and <= 1))
        {
            throw new EngineRequestException("sampling.top_p", $"must be above 0 and at most 1, was {sampling.TopP}");
        }

        if (sampling.TopK < 0)
        {
            throw new EngineRequestException("sampling.top_k", $"must be at least 0, was {sampling.TopK}");
        }

        if (sampling.TopLogProbabilities < 0)
        {
            throw new EngineRequestException("sampling.top_log_probabilities", $"must be at least 0, was {sampling.TopLogProbabilities}");
        }

        if (prompt.Ids.Length + sampling.MaxNewTokens > model.MaxSequenceTokens)
        {
            throw new EngineRequestException(
                "sampling.max_new_tokens", $"prompt ({prompt.Ids.Length} tokens) and new tokens ({sampling.MaxNewTokens}) exceed {model.MaxSequenceTokens}");
        }

        if (options.Importance is { } importance)
        {
            if (!engine.Importance)
            {
                throw new EngineRequestException("importance", "this engine was loaded without importance (Engine:Importance)");
            }

            try
            {
                _ = importance.Layers(model.Layers);
            }
            catch (GuidanceException e)
            {
                throw new EngineRequestException(e.Field, e.Message, e);
            }
        }

        if (options.ConsistencyRatio is { } ratio && (!(ratio is >= 0 and <= 1) || (options.Importance is null && prompt.VisualTokenCount > 0)))
        {
            throw new EngineRequestException("consistency_ratio", $"must be between 0 and 1 and needs importance, was {ratio}");
        }

        if (options.Grammar is not null && model.TokenizerDigest is null)
        {
            throw new EngineRequestException("response_format", "cannot be enforced: the checkpoint has no tokenizer, so what its tokens write is not known");
        }

        if (options.FastV is { } own)
        {
            ValidateFastV(own, options);
        }

        if (options.Draft.Count > 0)
        {
            ValidateDraft(options);
        }

        if (options.Plan.Steps.Count == 0)
        {
            return;
        }

        if (options.ConsistencyRatio is not null || options.Importance is not null)
        {
            throw new EngineRequestException("importance", "importance and consistency speak about all visual tokens and cannot be combined with a prune plan");
        }

        foreach (var step in options.Plan.Steps)
        {
            // In front of layer 0 there is a border in any case.
            if (step.Layer != 0 && !model.PruneLayers.Contains(step.Layer))
            {
                throw new EngineRequestException("guidance.prune_layer", $"{step.Layer} is not a prune layer of this model; allowed: {string.Join(", ", model.PruneLayers)}");
            }

            if (step.Mask.Length != prompt.VisualTokenCount)
            {
                throw new EngineRequestException("guidance.mask", $"has {step.Mask.Length} bits, the prompt has {prompt.VisualTokenCount} visual tokens");
            }
        }
    }

    private void ValidateDraft(GenerationOptions options)
    {
        if (options.Importance is not null || options.ConsistencyRatio is not null || options.FastV is not null)
        {
            throw new EngineRequestException("draft", "excludes importance, consistency and FastV: they read the attention of an answer that comes token by token");
        }

        for (var i = 0; i < options.Draft.Count; i++)
        {
            if (options.Draft[i] < 0 || options.Draft[i] >= model.VocabularySize)
            {
                throw new EngineRequestException($"draft[{i}]", $"id {options.Draft[i]} is not in the vocabulary of {model.VocabularySize}");
            }
        }
    }

    private void ValidateFastV(FastVPruning own, GenerationOptions options)
    {
        if (!engine.Importance || options.Importance is not null || options.Plan.Steps.Count > 0 || options.ConsistencyRatio is not null)
        {
            throw new EngineRequestException("fastv", "needs an engine with importance (Engine:Importance) and excludes importance, consistency and a prune plan");
        }

        if (own.Layer < 1 || !model.PruneLayers.Contains(own.Layer))
        {
            throw new EngineRequestException("fastv.layer", $"{own.Layer} is not a prune layer of this model; allowed: {string.Join(", ", model.PruneLayers.Where(l => l > 0))}");
        }

        if (!(own.Ratio is >= 0 and <= 1))
        {
            throw new EngineRequestException("fastv.ratio", $"must be between 0 and 1, was {own.Ratio}");
        }
    }
}
