namespace Sgl.Peers;

/// <summary>What llama.cpp's mtmd expects of a projector's file: InternViT-300M's tower with InternVL's pixel unshuffle and projector.</summary>
internal static class GgufTower
{
    /// <summary>Pixels of a tile's side.</summary>
    public const int Tile = 448;

    /// <summary>Visual tokens of a tile: patches after the unshuffle.</summary>
    public const int Tokens = Tile / Patch / Unshuffle * (Tile / Patch / Unshuffle);

    private const int Patch = 14, Unshuffle = 2, Layers = 24, Hidden = 1024, Heads = 16, Inner = 4096;

    /// <param name="width">Of the language model.</param>
    public static IEnumerable<(string Name, long[] Dims)> Tensors(int width)
    {
        const int side = Tile / Patch;
        const int joined = Hidden * Unshuffle * Unshuffle;
        yield return ("v.class_embd", [Hidden]);
        yield return ("v.patch_embd.weight", [Patch, Patch, 3, Hidden]);
        yield return ("v.patch_embd.bias", [Hidden]);
        yield return ("v.position_embd.weight", [Hidden, (side * side) + 1]);
        for (var i = 0; i < Layers; i++)
        {
            var blk = $"v.blk.{i}.";
            foreach (var (name, inputs, outputs) in new[] { ("attn_q", Hidden, Hidden), ("attn_k", Hidden, Hidden), ("attn_v", Hidden, Hidden), ("attn_out", Hidden, Hidden), ("ffn_up", Hidden, Inner), ("ffn_down", Inner, Hidden) })
            {
                yield return ($"{blk}{name}.weight", [inputs, outputs]);
                yield return ($"{blk}{name}.bias", [outputs]);
            }

            foreach (var name in new[] { "ln1.weight", "ln1.bias", "ln2.weight", "ln2.bias", "ls1.weight", "ls2.weight" })
            {
                yield return (blk + name, [Hidden]);
            }
        }

        yield return ("mm.model.mlp.0.weight", [joined]);
        yield return ("mm.model.mlp.0.bias", [joined]);
        yield return ("mm.model.mlp.1.weight", [joined, width]);
        yield return ("mm.model.mlp.1.bias", [width]);
        yield return ("mm.model.mlp.3.weight", [width, width]);
        yield return ("mm.model.mlp.3.bias", [width]);
    }

    /// <param name="width">Of the language model.</param>
    public static IEnumerable<(string Key, object Value)> Pairs(int width)
    {
        yield return ("general.architecture", "clip");
        yield return ("general.file_type", 1u);
        yield return ("clip.has_vision_encoder", true);
        yield return ("clip.projector_type", "internvl");
        yield return ("clip.use_gelu", true);
        const string vision = "clip.vision.";
        yield return (vision + "image_size", (uint)Tile);
        yield return (vision + "patch_size", (uint)Patch);
        yield return (vision + "embedding_length", (uint)Hidden);
        yield return (vision + "feed_forward_length", (uint)Inner);
        yield return (vision + "block_count", (uint)Layers);
        yield return (vision + "attention.head_count", (uint)Heads);
        yield return (vision + "attention.layer_norm_epsilon", 1e-6f);
        yield return (vision + "projection_dim", (uint)width);
        yield return (vision + "projector.scale_factor", (uint)Unshuffle);
        // One tile and no thumbnail.
        yield return (vision + "preproc_min_tiles", 1u);
        yield return (vision + "preproc_max_tiles", 1u);
        yield return (vision + "image_mean", new[] { 0.485f, 0.456f, 0.406f });
        yield return (vision + "image_std", new[] { 0.229f, 0.224f, 0.225f });
    }
}
