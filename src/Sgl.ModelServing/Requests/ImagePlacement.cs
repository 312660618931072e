using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>Gives every image an explicit place in the chat.</summary>
public static class ImagePlacement
{
    /// <summary>The turns, with images that no part places put in front of the first user text, in order; without such a text at the first user turn's end.</summary>
    /// <param name="messages">Valid turns; they are not changed.</param>
    /// <param name="imageCount">Images of the request.</param>
    public static IReadOnlyList<Wire.ChatMessage> Complete(IReadOnlyList<Wire.ChatMessage> messages, int imageCount)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var missing = Enumerable.Range(0, imageCount).Except(Order(messages)).ToList();
        if (missing.Count == 0)
        {
            return messages;
        }

        var complete = messages.Select(m => m.Clone()).ToList();
        var asked = complete.Where(m => m.Role == Wire.ChatRole.User).ToList();
        var parts = (asked.Find(m => m.Parts.Any(IsText)) ?? asked[0]).Parts;
        var at = parts.TakeWhile(p => !IsText(p)).Count();
        foreach (var image in missing)
        {
            parts.Insert(at++, new Wire.ChatPart { ImageIndex = image });
        }

        return complete;
    }

    /// <summary>Indices of the placed images in prompt order.</summary>
    /// <param name="messages">Turns, oldest first.</param>
    public static IReadOnlyList<int> Order(IReadOnlyList<Wire.ChatMessage> messages) =>
        [.. messages.SelectMany(m => m.Parts).Where(p => p.ContentCase == Wire.ChatPart.ContentOneofCase.ImageIndex).Select(p => p.ImageIndex)];

    private static bool IsText(Wire.ChatPart part) => part.ContentCase == Wire.ChatPart.ContentOneofCase.Text;
}
