using System.Globalization;
using System.Reflection;
using Sgl.Inference;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>A loaded model as its clients see it.</summary>
public static class WireModel
{
    /// <summary>Version of the service, without build metadata.</summary>
    public static string Version { get; } = typeof(WireModel).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

    /// <summary>The message for clients.</summary>
    /// <param name="model">Description from the engine.</param>
    /// <param name="engine">The engine's settings.</param>
    /// <param name="limits">The requests' limits.</param>
    public static Wire.ModelInfo From(ModelDescription model, EngineOptions engine, RequestLimits limits)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(limits);
        var info = new Wire.ModelInfo
        {
            Name = model.Name,
            Family = model.Family,
            LayerCount = model.Layers,
            HiddenSize = model.HiddenSize,
            VocabularySize = model.VocabularySize,
            ParameterCount = model.ParameterCount,
            VisualLayoutKey = limits.VisualLayoutKey(model),
            TokenizerDigest = model.TokenizerDigest ?? "",
            WeightsDigest = model.WeightsDigest,
            OrdinaryTokensDigest = model.Vocabulary.OrdinaryDigest,
            MaxSequenceTokenCount = model.MaxSequenceTokens,
            MaxImageCount = engine.MaxImages,
            MaxNewTokens = engine.MaxNewTokens,
            MaxImagePixels = limits.MaxImagePixels,
            MaxImageBytes = limits.MaxImageBytes,
            Version = Version,
            Weights = model.Weights.Kind,
            CutsTiles = model.CutsTiles,
            PrefixCacheOff = model.PrefixCacheOff ?? "",
        };
        info.AddedTokens.Add(model.Vocabulary.AddedTokens.ToDictionary());
        info.PruneLayers.AddRange(model.PruneLayers);
        info.Stages.AddRange(model.Stages.Select(ParseStage));
        return info;
    }

    /// <summary>Reads <c>first-last:device</c>.</summary>
    private static Wire.Stage ParseStage(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var layers = text[..colon].Split('-');
        return new Wire.Stage
        {
            FirstLayer = int.Parse(layers[0], CultureInfo.InvariantCulture),
            LastLayer = int.Parse(layers[^1], CultureInfo.InvariantCulture),
            Device = text[(colon + 1)..],
        };
    }
}
