using Sgl.TestKit;

namespace Sgl.Inference.Tests.Support;

/// <summary>A checkpoint that is small and yet wide enough for its matrices to be rounded.</summary>
internal static class RoundableShape
{
    /// <summary>With so many layers.</summary>
    public static CheckpointShape Of(int layers) => new()
    {
        Decoder = DecoderKind.Qwen2,
        Layers = layers,
        Hidden = 192,
        Inner = 320,
        Vocabulary = 512,
        TowerHidden = 96,
        TowerInner = 160,
        Seed = 5,
    };
}
