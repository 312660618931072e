namespace Sgl.TestKit;

/// <summary>Shapes of real models, for random weights.</summary>
public static class RealShapes
{
    /// <summary>InternVL2-1B.</summary>
    public static CheckpointShape OneB { get; } = new()
    {
        Decoder = DecoderKind.Qwen2,
        Layers = 24,
        Hidden = 896,
        Heads = 14,
        KvHeads = 2,
        Inner = 4864,
        Vocabulary = 151655,
        MaxPositions = 32768,
        TowerLayers = 24,
        TowerHidden = 1024,
        TowerHeads = 16,
        TowerInner = 4096,
        TileSize = 448,
    };

    /// <summary>InternVL2-2B.</summary>
    public static CheckpointShape TwoB { get; } = new()
    {
        Decoder = DecoderKind.InternLm2,
        Layers = 24,
        Hidden = 2048,
        Heads = 16,
        KvHeads = 8,
        Inner = 8192,
        Vocabulary = 92553,
        MaxPositions = 32768,
        TowerLayers = 24,
        TowerHidden = 1024,
        TowerHeads = 16,
        TowerInner = 4096,
        TileSize = 448,
    };
}
