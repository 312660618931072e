using System.Text.RegularExpressions;
using Sgl.Text.Internal;

namespace Sgl.Text;

/// <summary>
/// The prompt of Qwen3-VL (the checkpoints' <c>chat_template</c>): as Qwen2-VL's without a system text of its own. Images stand where the message places them.
/// </summary>
public sealed partial class Qwen3VlPromptTemplate : IPromptTemplate
{
    private readonly ChatPromptBuilder _builder;

    /// <summary>Creates the template.</summary>
    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <param name="opensThought">
    /// Whether the answer begins inside <c>&lt;think&gt;</c>, and earlier answers stand without their thoughts; <see cref="OpensThought"/> finds it.
    /// </param>
    /// <exception cref="ArgumentException">The tokenizer lacks a token of the format.</exception>
    public Qwen3VlPromptTemplate(ITokenizer tokenizer, bool opensThought = false)
    {
        StopTokenIds = QwenChat.StopTokenIds(tokenizer);
        Name = opensThought ? "qwen3-vl-thinking" : "qwen3-vl";
        if (opensThought)
        {
            ChatPromptBuilder.AddedTokenId(tokenizer, "<think>");
        }

        _builder = QwenChat.Builder(tokenizer, defaultSystem: null, opensThought);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public IReadOnlyList<int> StopTokenIds { get; }

    /// <inheritdoc/>
    public string Separator => QwenChat.TurnEnd;

    /// <inheritdoc/>
    public ImageOrder ImageOrder => _builder.ImageOrder;

    /// <summary>Whether the chat template of a folder, the first that it has, lets every answer begin with <c>&lt;think&gt;</c> (the "Thinking" checkpoints).</summary>
    /// <param name="folder">A checkpoint folder.</param>
    /// <exception cref="TokenizerException">A file is damaged.</exception>
    public static bool OpensThought(string folder) => ChatTemplateFiles.Read(folder).Select(t => Thought().IsMatch(t.Template)).FirstOrDefault();

    /// <inheritdoc/>
    public TokenizedPrompt Build(PromptRequest request) => _builder.Build(request);

    /// <summary>The line break of a template is escaped or not.</summary>
    [GeneratedRegex(@"<\|im_start\|>assistant(\\n|\n)<think>(\\n|\n)['""]", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Thought();
}
