using Sgl.Text.Internal;

namespace Sgl.Text;

/// <summary>
/// The prompt of InternVL2 (four formats), and of 2.5, 3 and 3.5 (<c>internvl2_5</c>) in the authors' layout (<c>conversation.py</c> of the checkpoints). The key <c>template</c> of
/// <c>config.json</c> names the format.
/// </summary>
/// <remarks>
/// The images of a turn stand in front of its text, as the models were trained, unless a request keeps its own order. Each image is <c>&lt;img&gt;</c>, its <c>&lt;IMG_CONTEXT&gt;</c> tokens, <c>&lt;/img&gt;</c>; an image in front of a message's text is
/// followed by a line break (the reference's <c>&lt;image&gt;\n</c>).
/// </remarks>
public sealed class InternVlPromptTemplate : IPromptTemplate
{
    private const string InternVl2System =
        "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，英文名叫InternVL, 是一个有用无害的人工智能助手。";

    private const string InternVl25System =
        "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。";

    private static readonly Dictionary<string, ChatFormat> Formats = new(StringComparer.Ordinal)
    {
        ["internlm2-chat"] = ChatMl("<|im_end|>", InternVl2System),
        ["Hermes-2"] = ChatMl("<|im_end|>", InternVl2System),
        ["phi3-chat"] = Format("<|system|>\n", "<|user|>\n", "<|assistant|>\n", "<|end|>", InternVl2System),
        ["internvl2_5"] = ChatMl("<|im_end|>\n", InternVl25System),
    };

    private readonly ChatPromptBuilder _builder;

    /// <summary>Creates the template.</summary>
    /// <param name="tokenizer">The checkpoint's tokenizer; must know <c>&lt;img&gt;</c>, <c>&lt;/img&gt;</c>, <c>&lt;IMG_CONTEXT&gt;</c> and the tokens of the format.</param>
    /// <param name="template">One of <see cref="TemplateNames"/>.</param>
    /// <param name="systemMessage">The system text of requests without one (<c>system_message</c> of config.json); null: the template's own.</param>
    /// <exception cref="ArgumentException">The template is unknown, or the tokenizer lacks a token.</exception>
    public InternVlPromptTemplate(ITokenizer tokenizer, string template, string? systemMessage = null)
    {
        ArgumentNullException.ThrowIfNull(template);
        if (!Formats.TryGetValue(template, out var format))
        {
            throw new ArgumentException($"unknown template '{template}'; known: {string.Join(", ", TemplateNames)}", nameof(template));
        }

        Name = template;
        Separator = format.TurnEnd.Trim();
        StopTokenIds = [ChatPromptBuilder.AddedTokenId(tokenizer, Separator)];
        ChatPromptBuilder.AddedTokenId(tokenizer, format.ImageHead);
        ChatPromptBuilder.AddedTokenId(tokenizer, format.ImageTail);
        _builder = new(tokenizer, format with { DefaultSystem = systemMessage ?? format.DefaultSystem });
    }

    /// <summary>The known template names.</summary>
    public static IReadOnlyCollection<string> TemplateNames => Formats.Keys;

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public IReadOnlyList<int> StopTokenIds { get; }

    /// <inheritdoc/>
    public string Separator { get; }

    /// <inheritdoc/>
    public ImageOrder ImageOrder => _builder.ImageOrder;

    /// <inheritdoc/>
    public TokenizedPrompt Build(PromptRequest request) => _builder.Build(request);

    private static ChatFormat ChatMl(string end, string system) =>
        Format("<|im_start|>system\n", "<|im_start|>user\n", "<|im_start|>assistant\n", end, system);

    private static ChatFormat Format(string system, string user, string assistant, string end, string defaultSystem) => new()
    {
        SystemHead = system,
        UserHead = user,
        AssistantHead = assistant,
        AnswerHead = assistant,
        TurnEnd = end,
        DefaultSystem = defaultSystem,
        ImageHead = "<img>",
        Placeholder = "<IMG_CONTEXT>",
        ImageTail = "</img>",
        BreakAfterLeadingImage = true,
        ImageOrder = ImageOrder.First,
    };
}
