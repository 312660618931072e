using Sgl.Text.Internal;

namespace Sgl.Text;

/// <summary>The prompt of Qwen2-VL (the checkpoints' <c>chat_template</c>). Images stand where the message places them.</summary>
public sealed class Qwen2VlPromptTemplate : IPromptTemplate
{
    private readonly ChatPromptBuilder _builder;

    /// <summary>Creates the template.</summary>
    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <param name="systemMessage">The system text of requests without one; null: the template's own.</param>
    /// <exception cref="ArgumentException">The tokenizer lacks a token of the format.</exception>
    public Qwen2VlPromptTemplate(ITokenizer tokenizer, string? systemMessage = null)
    {
        StopTokenIds = [ChatPromptBuilder.AddedTokenId(tokenizer, Separator), ChatPromptBuilder.AddedTokenId(tokenizer, "<|endoftext|>")];
        var format = new ChatFormat
        {
            SystemHead = "<|im_start|>system\n",
            UserHead = "<|im_start|>user\n",
            AssistantHead = "<|im_start|>assistant\n",
            AnswerHead = "<|im_start|>assistant\n",
            TurnEnd = "<|im_end|>\n",
            DefaultSystem = systemMessage ?? "You are a helpful assistant.",
            ImageHead = "<|vision_start|>",
            Placeholder = "<|image_pad|>",
            ImageTail = "<|vision_end|>",
            OtherPlaceholders = ["<|video_pad|>"],
            ImageOrder = ImageOrder.AsGiven,
        };
        ChatPromptBuilder.AddedTokenId(tokenizer, format.ImageHead);
        ChatPromptBuilder.AddedTokenId(tokenizer, format.ImageTail);
        _builder = new(tokenizer, format);
    }

    /// <inheritdoc/>
    public string Name => "qwen2-vl";

    /// <inheritdoc/>
    public IReadOnlyList<int> StopTokenIds { get; }

    /// <inheritdoc/>
    public string Separator => "<|im_end|>";

    /// <inheritdoc/>
    public ImageOrder ImageOrder => _builder.ImageOrder;

    /// <inheritdoc/>
    public TokenizedPrompt Build(PromptRequest request) => _builder.Build(request);
}
