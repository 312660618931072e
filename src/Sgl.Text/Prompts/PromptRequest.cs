namespace Sgl.Text;

/// <summary>A conversation to be turned into token ids.</summary>
/// <param name="Messages">The turns; the last one is the user's.</param>
/// <param name="ImageTokenCounts">Visual tokens of each image of the request. Every image is placed by exactly one part, or none is:
/// then all come in front of the first user message.</param>
public sealed record PromptRequest(IReadOnlyList<ChatMessage> Messages, IReadOnlyList<int> ImageTokenCounts)
{
    /// <summary>
    /// Whether added tokens written in the messages' text are recognised, except the placeholders of visual tokens. When false,
    /// only the markers of regions (<c>&lt;ref&gt;</c>, <c>&lt;box&gt;</c>, <c>&lt;quad&gt;</c> and their kin) are.
    /// </summary>
    public bool AllowSpecialTokensInText { get; init; }

    /// <summary>Images stay where the parts place them, whatever <see cref="IPromptTemplate.ImageOrder"/> is; refused where the format cannot express it.</summary>
    public bool KeepPartOrder { get; init; }
}

/// <summary>Where the visual tokens of an image are in <see cref="TokenizedPrompt.Ids"/>.</summary>
/// <param name="ImageIndex">Which image of the request.</param>
/// <param name="Start">Position of its first visual token.</param>
/// <param name="Count">Number of its visual tokens, all in one run.</param>
public readonly record struct ImageSpan(int ImageIndex, int Start, int Count);

/// <summary>A prompt as the language model sees it.</summary>
/// <param name="Ids">Token ids; at the images' positions a placeholder, whose embedding is to be replaced by the visual token.</param>
/// <param name="Images">The images in the order in which they appear.</param>
public sealed record TokenizedPrompt(int[] Ids, IReadOnlyList<ImageSpan> Images);
