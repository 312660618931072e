using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Inference;

/// <summary>A chat with its decoded images.</summary>
public sealed record PromptInput
{
    /// <summary>Images, referred to by index from the messages. Images no message refers to are placed in front of the first user text.</summary>
    public required IReadOnlyList<RgbImage> Images { get; init; }

    /// <summary>
    /// What the images were decoded from, one digest each, in a way that is always the same: the next prompt about them need not decode them, see <see cref="VlmEngine.RecallAsync"/>.
    /// Empty: not told.
    /// </summary>
    public IReadOnlyList<PictureDigest> Digests { get; init; } = [];

    /// <summary>Turns, oldest first.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>Per-request limits of tiles or pixels; null takes the checkpoint's.</summary>
    public ImageLimits? ImageLimits { get; init; }

    /// <summary>Images stay where the parts place them, also in families that are trained with images first.</summary>
    public bool KeepPartOrder { get; init; }

    /// <summary>Whether the images' pixels are let go once they are encoded; see <see cref="PreparedPrompt.DropsPixels"/>.</summary>
    public bool DropPixels { get; init; }

    /// <summary>
    /// Whose cache entries the images may find and leave behind. Null: those that all share. Empty: none. Anything else: only those of the same scope.
    /// </summary>
    public string? CacheScope { get; init; }

    /// <summary>Whether special tokens written in the texts become special tokens.</summary>
    public bool AllowSpecialTokens { get; init; }
}
