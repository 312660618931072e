using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>How tokens are chosen, from the wire.</summary>
internal static class SamplingMapping
{
    /// <summary>The options; absent fields get the defaults of the contract.</summary>
    /// <param name="sampling">Passed <see cref="SamplingRules"/>; null: all defaults.</param>
    /// <param name="maxNewTokens">The service's limit of new tokens.</param>
    public static SamplingOptions From(Wire.Sampling? sampling, int maxNewTokens)
    {
        var defaults = new SamplingOptions();
        var most = Math.Min(sampling is { HasMaxNewTokens: true } ? sampling.MaxNewTokens : defaults.MaxNewTokens, maxNewTokens);
        return sampling is null ? defaults with { MaxNewTokens = most } : new SamplingOptions
        {
            MaxNewTokens = most,
            MinNewTokens = Math.Min(sampling.HasMinNewTokens ? sampling.MinNewTokens : defaults.MinNewTokens, most),
            Temperature = sampling.Temperature,
            TopP = sampling.HasTopP ? sampling.TopP : defaults.TopP,
            TopK = sampling.TopK,
            Seed = sampling.HasSeed ? sampling.Seed : null,
            StopStrings = [.. sampling.Stop],
            TopLogProbabilities = sampling.TopLogProbabilities,
        };
    }

    /// <summary>The options with as many new tokens as the sequence has room for, where the request wants that.</summary>
    /// <param name="options">As asked for.</param>
    /// <param name="sampling">Says whether they may be lowered.</param>
    /// <param name="promptTokens">Tokens of the prompt.</param>
    /// <param name="maxSequenceTokens">Most tokens of prompt and answer.</param>
    /// <exception cref="EngineRequestException">There is no room at all.</exception>
    public static SamplingOptions Fit(SamplingOptions options, Wire.Sampling? sampling, int promptTokens, int maxSequenceTokens)
    {
        var room = maxSequenceTokens - promptTokens;
        if (sampling is not { ClampMaxNewTokens: true } || options.MaxNewTokens <= room)
        {
            return options;
        }

        return room > 0
            ? options with { MaxNewTokens = room, MinNewTokens = Math.Min(options.MinNewTokens, room) }
            : throw new EngineRequestException("messages", $"the prompt has {promptTokens} tokens and leaves no room for an answer: prompt and answer together may have {maxSequenceTokens}") { Problem = RequestProblem.PromptTooLong };
    }
}
