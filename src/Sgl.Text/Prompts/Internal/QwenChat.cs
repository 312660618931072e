namespace Sgl.Text.Internal;

/// <summary>What the prompts of the Qwen vision families share.</summary>
internal static class QwenChat
{
    public const string TurnEnd = "<|im_end|>";

    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <param name="defaultSystem">The system text of requests without one; null: no system turn then.</param>
    /// <param name="opensThought">Whether answers begin inside a thought, which later turns do not see.</param>
    /// <exception cref="ArgumentException">The tokenizer lacks a token of the format.</exception>
    public static ChatPromptBuilder Builder(ITokenizer tokenizer, string? defaultSystem, bool opensThought = false)
    {
        var format = new ChatFormat
        {
            SystemHead = "<|im_start|>system\n",
            UserHead = "<|im_start|>user\n",
            AssistantHead = "<|im_start|>assistant\n",
            AnswerHead = "<|im_start|>assistant\n" + (opensThought ? "<think>\n" : ""),
            TurnEnd = TurnEnd + "\n",
            DropsThoughts = opensThought,
            DefaultSystem = defaultSystem,
            ImageHead = "<|vision_start|>",
            Placeholder = "<|image_pad|>",
            ImageTail = "<|vision_end|>",
            OtherPlaceholders = ["<|video_pad|>"],
            ImageOrder = ImageOrder.AsGiven,
        };
        ChatPromptBuilder.AddedTokenId(tokenizer, format.ImageHead);
        ChatPromptBuilder.AddedTokenId(tokenizer, format.ImageTail);
        return new(tokenizer, format);
    }

    public static IReadOnlyList<int> StopTokenIds(ITokenizer tokenizer) =>
        [ChatPromptBuilder.AddedTokenId(tokenizer, TurnEnd), ChatPromptBuilder.AddedTokenId(tokenizer, "<|endoftext|>")];
}
