using Sgl.Models.Internal;

namespace Sgl.Models;

/// <summary>The families that can be opened.</summary>
public static class VlmFamilies
{
    /// <summary>All families.</summary>
    public static IReadOnlyList<IVlmFamily> All { get; } =
    [
        new InternVlChatFamily(), new InternVlNativeFamily(),
        new Qwen2VlFamily(), new Qwen25VlFamily(), new Qwen3VlFamily(),
        new LlavaOneVisionFamily(),
    ];

    /// <summary>Finds the family of a <c>config.json</c>.</summary>
    /// <param name="config">The file; an unknown <c>model_type</c> is added to its problems.</param>
    /// <returns>Null when unknown.</returns>
    public static IVlmFamily? Find(ConfigReader config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var architectures = config.Strings("architectures");
        if (config.OptionalString("model_type") is { } type && All.FirstOrDefault(f => f.Recognises(type, architectures)) is { } family)
        {
            return family;
        }

        config.Problem("model_type", $"one of {string.Join(", ", All.SelectMany(f => f.ModelTypes).Select(t => $"\"{t}\""))}", hint: UnsupportedModels.Hint(config.TextOrNull("model_type")) ?? TextAlone(config));
        return null;
    }

    private static string? TextAlone(ConfigReader config) =>
        !config.Has("vision_config") && config.Strings("architectures").Any(a => a.EndsWith("ForCausalLM", StringComparison.Ordinal))
            ? "without vision_config it seems to be a model of text alone, and both roles need one that sees images"
            : null;
}
