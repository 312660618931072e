namespace Sgl.Models;

/// <summary>The model families. Everything that differs between them stands in one file per family.</summary>
public enum VlmFamily
{
    /// <summary>InternVL2 to 3.5 (model_type <c>internvl_chat</c> or <c>internvl</c>): dynamic tiles plus thumbnail, pixel shuffle.</summary>
    InternVl,

    /// <summary>Qwen2-VL (model_type <c>qwen2_vl</c>): native resolution, merger, M-RoPE.</summary>
    Qwen2Vl,

    /// <summary>Qwen2.5-VL (model_type <c>qwen2_5_vl</c>): as Qwen2-VL with windows of attention in the tower.</summary>
    Qwen25Vl,

    /// <summary>Qwen3-VL (model_type <c>qwen3_vl</c>): native resolution, interleaved M-RoPE, DeepStack.</summary>
    Qwen3Vl,

    /// <summary>LLaVA-OneVision (model_type <c>llava_onevision</c> or <c>llava_qwen</c>): SigLIP, anyres, newline tokens.</summary>
    LlavaOneVision,
}

/// <summary>What <c>config.json</c> says, in the terms of this engine. Every number comes from the file.</summary>
public sealed record VlmConfig
{
    /// <summary>The family, from <c>model_type</c>.</summary>
    public required VlmFamily Family { get; init; }

    /// <summary>The decoder.</summary>
    public required LanguageModelConfig Language { get; init; }

    /// <summary>The vision tower.</summary>
    public required VisionConfig Vision { get; init; }

    /// <summary>
    /// Numbers per visual token that the tower yields: what replaces the placeholder's embedding, then what is added behind decoder layers 0, 1, ...
    /// (<see cref="VisionConfig.DeepStackBlocks"/>), each of the decoder's width.
    /// </summary>
    public int FeatureWidth => Language.HiddenSize * (1 + Vision.DeepStackBlocks.Count);

    /// <summary>Id of the placeholder token whose embedding is replaced by visual features; null where only the tokenizer knows it (InternVL).</summary>
    public int? ImageTokenId { get; init; }

    /// <summary>Side of the square tile in pixels (<c>force_image_size</c> for InternVL, <c>image_size</c> for SigLIP); 0 where any size is accepted.</summary>
    public int TileSize { get; init; }

    /// <summary>Visual tokens of one tile after pixel shuffle (InternVL) or of one view (SigLIP); 0 where it depends on the image.</summary>
    public int TokensPerTile { get; init; }

    /// <summary>InternVL <c>min_dynamic_patch</c>; the native layout has it in the image processor's file.</summary>
    public int MinTiles { get; init; } = 1;

    /// <summary>InternVL <c>max_dynamic_patch</c>; the native layout has it in the image processor's file.</summary>
    public int MaxTiles { get; init; } = 12;

    /// <summary>InternVL <c>use_thumbnail</c>.</summary>
    public bool UseThumbnail { get; init; }

    /// <summary>InternVL <c>dynamic_image_size</c>.</summary>
    public bool DynamicImageSize { get; init; } = true;

    /// <summary>InternVL <c>template</c>: the name of the conversation template.</summary>
    public string? Template { get; init; }

    /// <summary>InternVL <c>system_message</c>: overrides the template's system text when present.</summary>
    public string? SystemMessage { get; init; }

    /// <summary>Dtype the weights are said to have (<c>torch_dtype</c>), for information only.</summary>
    public string? TorchDtype { get; init; }

    /// <summary>End-of-sequence ids that <c>config.json</c> gives for the decoder; empty when it gives none.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>LLaVA-OneVision <c>image_grid_pinpoints</c> as (height, width).</summary>
    public IReadOnlyList<(int Height, int Width)> GridPinpoints { get; init; } = [];

    /// <summary>LLaVA-OneVision <c>vision_aspect_ratio</c> limit: the 9 of <c>anyres_max_9</c>; 0 means no reduction.</summary>
    public int AnyresMaxTiles { get; init; }
}
