namespace Sgl.Models.Internal;

/// <summary>Tensors that files hold and no forward pass reads.</summary>
internal static class KnownUnused
{
    public static bool RotaryBuffer(string name) => name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal) || name.EndsWith("rotary_pos_emb.inv_freq", StringComparison.Ordinal);

    /// <summary>A stored LM head that repeats the embedding table; one that differs is used (<see cref="Checkpoint.HeadUntied"/>).</summary>
    public static bool TiedHead(VlmConfig config, string name) => config.Language.TiedHead && name.EndsWith("lm_head.weight", StringComparison.Ordinal);

    /// <summary>SigLIP's pooling head, its norm behind the last layer, its position buffer, and layers behind the last that runs.</summary>
    public static bool SigLip(VisionConfig config, string name)
    {
        const string Tower = "vision_tower.";
        const string Model = "vision_model.";
        const string Layers = "encoder.layers.";
        var start = name.LastIndexOf(Tower, StringComparison.Ordinal);
        if (start < 0)
        {
            return false;
        }

        var part = name.AsSpan(start + Tower.Length);
        part = part.StartsWith(Model, StringComparison.Ordinal) ? part[Model.Length..] : part;
        if (part.StartsWith("post_layernorm.", StringComparison.Ordinal) || part.StartsWith("head.", StringComparison.Ordinal) || part.SequenceEqual("embeddings.position_ids"))
        {
            return true;
        }

        return part.StartsWith(Layers, StringComparison.Ordinal)
            && part[Layers.Length..].IndexOf('.') is > 0 and var dot
            && int.TryParse(part.Slice(Layers.Length, dot), out var layer)
            && layer >= config.Layers;
    }
}
