using System.Text.RegularExpressions;
using Sgl.Text.Internal;

namespace Sgl.Text;

/// <summary>Which of the published prompt formats of LLaVA-OneVision.</summary>
public enum LlavaOneVisionFormat
{
    /// <summary>The authors' own (<c>qwen_1_5</c>): a system turn, and an image mark that is no token.</summary>
    Original,

    /// <summary>The hub's newer chat template: no system turn, a line break after the role and after every image.</summary>
    HubLineBreak,

    /// <summary>The hub's older chat template: no system turn, a space after the role, a line break before every text, none between turns.</summary>
    HubSpace,
}

/// <summary>The prompt of LLaVA-OneVision.</summary>
public sealed partial class LlavaOneVisionPromptTemplate : IPromptTemplate
{
    private const string ImageToken = "<image>";

    private readonly ChatPromptBuilder _builder;

    /// <summary>Creates the template.</summary>
    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <param name="format">Which format; <see cref="DetectFormat"/> finds it.</param>
    /// <param name="systemMessage">The system text of requests without one; null: the format's own.</param>
    /// <exception cref="ArgumentException">The tokenizer lacks a token of the format.</exception>
    public LlavaOneVisionPromptTemplate(
        ITokenizer tokenizer, LlavaOneVisionFormat format = LlavaOneVisionFormat.Original, string? systemMessage = null)
    {
        StopTokenIds = [ChatPromptBuilder.AddedTokenId(tokenizer, Separator)];
        Format = format;
        var (role, end, system) = format switch
        {
            LlavaOneVisionFormat.Original => ("\n", "<|im_end|>\n", systemMessage ?? "You are a helpful assistant."),
            LlavaOneVisionFormat.HubLineBreak => ("\n", "<|im_end|>\n", systemMessage),
            LlavaOneVisionFormat.HubSpace => (" ", "<|im_end|>", systemMessage),
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "unknown format"),
        };
        var original = format == LlavaOneVisionFormat.Original;
        _builder = new(tokenizer, new()
        {
            SystemHead = "<|im_start|>system" + role,
            UserHead = "<|im_start|>user" + role,
            AssistantHead = "<|im_start|>assistant" + role,
            AnswerHead = "<|im_start|>assistant\n",
            TurnEnd = end,
            DefaultSystem = system,
            Placeholder = ImageToken,
            OtherPlaceholders = ["<video>"],
            ImageTail = format == LlavaOneVisionFormat.HubLineBreak ? "\n" : "",
            TextHead = format == LlavaOneVisionFormat.HubSpace ? "\n" : "",
            BreakAfterLeadingImage = original,
            ImageOrder = original ? ImageOrder.SingleFirst : ImageOrder.AlwaysFirst,
            CutAtImages = original,
            CutId = tokenizer.TokenToId(ImageToken) ?? tokenizer.TokenToId("<|endoftext|>") ?? StopTokenIds[0],
        });
    }

    /// <summary>Which format this is.</summary>
    public LlavaOneVisionFormat Format { get; }

    /// <inheritdoc/>
    public string Name => Format switch
    {
        LlavaOneVisionFormat.HubLineBreak => "llava-onevision-hub",
        LlavaOneVisionFormat.HubSpace => "llava-onevision-hub-space",
        _ => "qwen_1_5",
    };

    /// <inheritdoc/>
    public IReadOnlyList<int> StopTokenIds { get; }

    /// <inheritdoc/>
    public string Separator => "<|im_end|>";

    /// <summary>
    /// The format of a checkpoint folder, by its chat template: <c>chat_template.jinja</c>, <c>chat_template.json</c>, or the <c>chat_template</c> of
    /// <c>tokenizer_config.json</c>, the first that mentions images.
    /// </summary>
    /// <param name="folder">A checkpoint folder.</param>
    /// <returns>The format; <see cref="LlavaOneVisionFormat.Original"/> where there is no chat template with images.</returns>
    /// <exception cref="TokenizerException">A chat template with images is of none of the known formats, or a file is damaged.</exception>
    public static LlavaOneVisionFormat DetectFormat(string folder)
    {
        foreach (var (file, template) in ChatTemplateFiles.Read(folder))
        {
            if (!template.Contains(ImageToken, StringComparison.Ordinal))
            {
                continue;
            }

            var role = AfterRole().Match(template);
            return role.Success
                ? role.Groups["separator"].Value == " " ? LlavaOneVisionFormat.HubSpace : LlavaOneVisionFormat.HubLineBreak
                : throw new TokenizerException(file, "chat_template", "is none of the known templates of LLaVA-OneVision");
        }

        return LlavaOneVisionFormat.Original;
    }

    /// <inheritdoc/>
    public ImageOrder ImageOrder => _builder.ImageOrder;

    /// <inheritdoc/>
    public TokenizedPrompt Build(PromptRequest request) => _builder.Build(request);

    /// <summary>What a template writes after the role: a space or a line break, escaped or not.</summary>
    [GeneratedRegex("""message(\[["']role["']\]|\.role)\s*\+\s*(?<quote>["'])(?<separator> |\\n|\n)\k<quote>""", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex AfterRole();
}
