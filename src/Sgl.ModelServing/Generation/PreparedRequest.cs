using Sgl.Grammar;
using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>A valid request with its images decoded, cut and normalised.</summary>
/// <param name="Engine">The engine that will answer.</param>
/// <param name="Prompt">The prompt.</param>
/// <param name="Layout">The prompt as the client sees it.</param>
/// <param name="Sampling">How tokens are chosen.</param>
/// <param name="PreprocessTime">Decoding, resizing, tokenising.</param>
/// <param name="Field">Path of the message that holds the request's fields, with its dot; see <see cref="ChatInput"/>.</param>
public sealed record PreparedRequest(
    VlmEngine Engine, PreparedPrompt Prompt, Wire.PromptLayout Layout, SamplingOptions Sampling, TimeSpan PreprocessTime, string Field) : IDisposable
{
    /// <summary>What the answer must be; null: any text.</summary>
    public JsonGrammar? Grammar { get; init; }

    /// <summary>The memory of its pixels, given back when the vision tower has seen them, at the latest with the request; null: it has none.</summary>
    public PreparationPlace? Pixels { get; init; }

    /// <inheritdoc/>
    public void Dispose() => Pixels?.Dispose();
}
