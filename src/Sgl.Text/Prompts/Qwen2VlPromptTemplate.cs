using Sgl.Text.Internal;

namespace Sgl.Text;

/// <summary>The prompt of Qwen2-VL and Qwen2.5-VL (the checkpoints' <c>chat_template</c>). Images stand where the message places them.</summary>
public sealed class Qwen2VlPromptTemplate : IPromptTemplate
{
    private readonly ChatPromptBuilder _builder;

    /// <summary>Creates the template.</summary>
    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <param name="systemMessage">The system text of requests without one; null: the template's own.</param>
    /// <exception cref="ArgumentException">The tokenizer lacks a token of the format.</exception>
    public Qwen2VlPromptTemplate(ITokenizer tokenizer, string? systemMessage = null)
    {
        StopTokenIds = QwenChat.StopTokenIds(tokenizer);
        _builder = QwenChat.Builder(tokenizer, systemMessage ?? "You are a helpful assistant.");
    }

    /// <inheritdoc/>
    public string Name => "qwen2-vl";

    /// <inheritdoc/>
    public IReadOnlyList<int> StopTokenIds { get; }

    /// <inheritdoc/>
    public string Separator => QwenChat.TurnEnd;

    /// <inheritdoc/>
    public ImageOrder ImageOrder => _builder.ImageOrder;

    /// <inheritdoc/>
    public TokenizedPrompt Build(PromptRequest request) => _builder.Build(request);
}
