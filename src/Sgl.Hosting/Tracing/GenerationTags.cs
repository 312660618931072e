using System.Diagnostics;

namespace Sgl.Hosting;

/// <summary>Attributes of spans about generated text, as OpenTelemetry's conventions for generative AI name them.</summary>
public static class GenerationTags
{
    /// <summary>Value of <c>gen_ai.provider.name</c>.</summary>
    public const string Provider = "sgl";

    /// <summary>Sets them.</summary>
    /// <param name="span">The span.</param>
    /// <param name="model">Model that answered.</param>
    /// <param name="promptTokens">Prompt tokens, visual tokens included.</param>
    /// <param name="generatedTokens">Generated tokens.</param>
    /// <param name="finishReason"><c>stop</c> or <c>length</c>.</param>
    public static void Set(Activity span, string model, long promptTokens, long generatedTokens, string finishReason)
    {
        ArgumentNullException.ThrowIfNull(span);
        span.SetTag("gen_ai.operation.name", "chat")
            .SetTag("gen_ai.provider.name", Provider)
            .SetTag("gen_ai.response.model", model)
            .SetTag("gen_ai.usage.input_tokens", promptTokens)
            .SetTag("gen_ai.usage.output_tokens", generatedTokens)
            .SetTag("gen_ai.response.finish_reasons", new[] { finishReason });
    }
}
