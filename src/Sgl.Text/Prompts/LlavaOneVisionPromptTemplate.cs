using Sgl.Text.Internal;

namespace Sgl.Text;

/// <summary>Which of the published prompt formats of LLaVA-OneVision.</summary>
public enum LlavaOneVisionFormat
{
    /// <summary>The authors' own (<c>qwen_1_5</c>): a system turn, and an image mark that is no token.</summary>
    Original,

    /// <summary>The hub's newer chat template: no system turn, a line break after the role.</summary>
    HubLineBreak,

    /// <summary>The hub's older chat template: no system turn, a space after the role, no line break between turns.</summary>
    HubSpace,
}

/// <summary>The prompt of LLaVA-OneVision.</summary>
public sealed class LlavaOneVisionPromptTemplate : IPromptTemplate
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
            BreakAfterLeadingImage = true,
            ImagesFirst = !original,
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

    /// <summary>The format of a checkpoint folder, by the <c>chat_template</c> in <c>chat_template.json</c> or <c>tokenizer_config.json</c>.</summary>
    /// <param name="folder">A checkpoint folder.</param>
    /// <returns>The format; <see cref="LlavaOneVisionFormat.Original"/> where there is no chat template with images.</returns>
    /// <exception cref="TokenizerException">A chat template with images is of none of the known formats, or a file is damaged.</exception>
    public static LlavaOneVisionFormat DetectFormat(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        foreach (var name in new[] { "chat_template.json", "tokenizer_config.json" })
        {
            if (JsonFile.ReadIfPresent(folder, name) is not { } file
                || file.Find(file.Root, "chat_template") is not { ValueKind: System.Text.Json.JsonValueKind.String } value)
            {
                continue;
            }

            var template = file.Text(value, "chat_template");
            if (!template.Contains(ImageToken, StringComparison.Ordinal))
            {
                continue;
            }

            if (template.Contains("message['role'] + '\\n'", StringComparison.Ordinal) || template.Contains("message['role'] + '\n'", StringComparison.Ordinal))
            {
                return LlavaOneVisionFormat.HubLineBreak;
            }

            return template.Contains("message['role'] + ' '", StringComparison.Ordinal)
                ? LlavaOneVisionFormat.HubSpace
                : throw new TokenizerException(file.Path, "chat_template", "is none of the known templates of LLaVA-OneVision");
        }

        return LlavaOneVisionFormat.Original;
    }

    /// <inheritdoc/>
    public TokenizedPrompt Build(PromptRequest request) => _builder.Build(request);
}
