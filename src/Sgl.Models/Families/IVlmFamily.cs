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

    /// <summary>Creates the image preprocessing.</summary>
    /// <param name="config">Configuration without problems.</param>
    /// <param name="preprocessorConfig"><c>preprocessor_config.json</c>, null when absent. Problems are collected by the reader.</param>
    /// <returns>Preprocessing, and the key that two checkpoints share exactly when they turn any image into the same visual tokens in the same order.</returns>
    (IImagePreprocessor Preprocessor, string LayoutKey) CreatePreprocessor(VlmConfig config, ConfigReader? preprocessorConfig);
}
