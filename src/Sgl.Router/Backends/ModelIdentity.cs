namespace Sgl.Router;

/// <summary>Whether two replicas serve the same model, so that either may answer any question of the other's.</summary>
internal static class ModelIdentity
{
    /// <summary>What differs; empty where they are alike. Limits, devices and version may differ.</summary>
    public static string Difference(Wire.ModelInfo one, Wire.ModelInfo other)
    {
        return string.Join(", ", Differences().Where(d => d.Length > 0));

        IEnumerable<string> Differences()
        {
            yield return Of("name", one.Name, other.Name);
            yield return Of("family", one.Family, other.Family);
            yield return Of("layer_count", one.LayerCount, other.LayerCount);
            yield return Of("hidden_size", one.HiddenSize, other.HiddenSize);
            yield return Of("vocabulary_size", one.VocabularySize, other.VocabularySize);
            yield return Of("parameter_count", one.ParameterCount, other.ParameterCount);
            yield return Of("visual_layout_key", one.VisualLayoutKey, other.VisualLayoutKey);
            yield return Of("tokenizer_digest", one.TokenizerDigest, other.TokenizerDigest);
            if (one.WeightsDigest.Length > 0 && other.WeightsDigest.Length > 0)
            {
                yield return Of("weights_digest", one.WeightsDigest, other.WeightsDigest);
            }

            yield return Of("prune_layers", string.Join(' ', one.PruneLayers), string.Join(' ', other.PruneLayers));
        }

        static string Of<T>(string field, T a, T b) => Equals(a, b) ? "" : FormattableString.Invariant($"{field} '{a}' instead of '{b}'");
    }

    public static bool Alike(Wire.ModelInfo one, Wire.ModelInfo other) => Difference(one, other).Length == 0;

    /// <summary>One description of several replicas of a model: the first one's, with the tightest of their limits.</summary>
    public static Wire.ModelInfo Common(IReadOnlyList<Wire.ModelInfo> alike)
    {
        if (alike.Count == 1)
        {
            return alike[0];
        }

        var common = alike[0].Clone();
        common.MaxSequenceTokenCount = alike.Min(i => i.MaxSequenceTokenCount);
        common.MaxImageCount = alike.Min(i => i.MaxImageCount);
        common.MaxNewTokens = alike.Min(i => i.MaxNewTokens);
        common.MaxImagePixels = alike.Min(i => i.MaxImagePixels);
        common.MaxImageBytes = alike.Min(i => i.MaxImageBytes);
        return common;
    }
}
