using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Models;

/// <summary>
/// Everything that one model family does in its own way: how it names its settings and tensors, prepares images, writes prompts and
/// counts positions. A new family is one implementation, listed in <see cref="VlmFamilies"/>.
/// </summary>
public interface IVlmFamily
{
    /// <summary>Which family.</summary>
    VlmFamily Kind { get; }

    /// <summary>The checkpoints that this family opens, in a few words.</summary>
    string Opens { get; }

    /// <summary>The <c>model_type</c> values that this family reads.</summary>
    IReadOnlyList<string> ModelTypes { get; }

    /// <summary>Whether a checkpoint belongs to this family.</summary>
    /// <param name="modelType"><c>model_type</c>.</param>
    /// <param name="architectures"><c>architectures</c>.</param>
    bool Recognises(string modelType, IReadOnlyList<string> architectures) => ModelTypes.Contains(modelType);

    /// <summary>Reads <c>config.json</c>. Problems are collected by the reader; with any, the result is meaningless.</summary>
    /// <param name="config">The file.</param>
    VlmConfig ParseConfig(ConfigReader config);

    /// <summary>Tensor names in the layout that the files have.</summary>
    /// <param name="config">Configuration without problems.</param>
    /// <param name="contains">Whether the files hold a tensor of this name.</param>
    ModelNames Names(VlmConfig config, Func<string, bool> contains);

    /// <summary>Whether a tensor that the model does not need is known to be harmless, so that it is not reported as unused.</summary>
    /// <param name="config">Configuration without problems.</param>
    /// <param name="name">Tensor name.</param>
    bool IsKnownUnused(VlmConfig config, string name);

    /// <summary>Why a tensor that the model does not need shows that the folder is of a kind that cannot be opened; null for all others.</summary>
    /// <param name="name">Tensor name.</param>
    string? WhyRefused(string name) => null;

    /// <summary>Creates the image preprocessing.</summary>
    /// <param name="config">Configuration without problems.</param>
    /// <param name="preprocessorConfig"><c>preprocessor_config.json</c>, null when absent. Problems are collected by the reader.</param>
    /// <returns>Preprocessing, and the key that two checkpoints share exactly when they turn any image into the same visual tokens in the same order.</returns>
    (IImagePreprocessor Preprocessor, string LayoutKey) CreatePreprocessor(VlmConfig config, ConfigReader? preprocessorConfig);

    /// <summary>The placeholder of visual tokens as the tokenizer knows it.</summary>
    string PlaceholderToken { get; }

    /// <summary>Creates the prompt template.</summary>
    /// <param name="config">Configuration without problems.</param>
    /// <param name="tokenizer">The folder's tokenizer.</param>
    /// <param name="problems">Collector, knows the folder.</param>
    /// <returns>Null when there is a problem.</returns>
    IPromptTemplate? CreateTemplate(VlmConfig config, ITokenizer tokenizer, ProblemList problems);

    /// <summary>Ids that end an answer.</summary>
    /// <param name="config">Configuration without problems.</param>
    /// <param name="generation"><c>eos_token_id</c> of <c>generation_config.json</c>, empty when absent.</param>
    /// <param name="template">The template, null in folders without tokenizer.</param>
    IReadOnlyList<int> StopTokenIds(VlmConfig config, IReadOnlyList<int> generation, IPromptTemplate? template) =>
        [.. (generation.Count > 0 ? generation : config.EosTokenIds).Union(template?.StopTokenIds ?? [])];

    /// <summary>Position ids of a prompt.</summary>
    /// <param name="config">Configuration without problems.</param>
    /// <param name="length">S, prompt tokens with all visual tokens.</param>
    /// <param name="spans">Where the images lie, in the order of the prompt.</param>
    /// <param name="inputs">The request's images, by <see cref="ImageSpan.ImageIndex"/>.</param>
    PositionIds Positions(VlmConfig config, int length, IReadOnlyList<ImageSpan> spans, IReadOnlyList<VisualInput> inputs) => PositionIds.Sequential(length);
}
