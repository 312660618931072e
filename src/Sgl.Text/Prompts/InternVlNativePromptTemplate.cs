using Sgl.Text.Internal;

namespace Sgl.Text;

/// <summary>
/// The prompt of InternVL folders in the layout of the transformers library (their <c>chat_template</c>): no system turn of its own, a line break behind
/// every image, an image as <c>&lt;img&gt;</c>, its <c>&lt;IMG_CONTEXT&gt;</c> tokens, <c>&lt;/img&gt;</c>.
/// </summary>
public sealed class InternVlNativePromptTemplate : IPromptTemplate
{
    private readonly ChatPromptBuilder _builder;

    /// <summary>Creates the template.</summary>
    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <exception cref="ArgumentException">The tokenizer lacks a token of the format.</exception>
    public InternVlNativePromptTemplate(ITokenizer tokenizer)
    {
        StopTokenIds = [ChatPromptBuilder.AddedTokenId(tokenizer, Separator)];
        ChatPromptBuilder.AddedTokenId(tokenizer, "<img>");
        ChatPromptBuilder.AddedTokenId(tokenizer, "</img>");
        _builder = new(tokenizer, new()
        {
            SystemHead = "<|im_start|>system\n",
            UserHead = "<|im_start|>user\n",
            AssistantHead = "<|im_start|>assistant\n",
            AnswerHead = "<|im_start|>assistant\n",
            TurnEnd = "<|im_end|>\n",
            ImageHead = "<img>",
            Placeholder = "<IMG_CONTEXT>",
            ImageTail = "</img>\n",
            OtherPlaceholders = ["<video>"],
            ImageOrder = ImageOrder.First,
        });
    }

    /// <inheritdoc/>
    public string Name => "internvl-hf";

    /// <inheritdoc/>
    public IReadOnlyList<int> StopTokenIds { get; }

    /// <inheritdoc/>
    public string Separator => "<|im_end|>";

    /// <inheritdoc/>
    public ImageOrder ImageOrder => _builder.ImageOrder;

    /// <inheritdoc/>
    public TokenizedPrompt Build(PromptRequest request) => _builder.Build(request);
}
