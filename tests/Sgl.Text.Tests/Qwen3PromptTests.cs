using System.Text.Json.Nodes;
using Sgl.TestKit;
using Sgl.Text.Tests.Support;

namespace Sgl.Text.Tests;

/// <summary>The prompts of Qwen3-VL, Instruct and Thinking.</summary>
public sealed class Qwen3PromptTests
{
    // As the published templates write it: the line break is escaped inside the template's own quotes.
    private const string Instruct = """{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}""";
    private const string Thinking = """{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n<think>\n' }}{%- endif %}""";

    private static readonly ITokenizer Published = Tokenizer("<think>", "</think>");

    [Fact]
    public void Build_NoSystemMessage_HasNoSystemTurn()
    {
        var template = new Qwen3VlPromptTemplate(Published);
        Assert.Equal(
            "<|im_start|>user\n<|vision_start|>[3]<|vision_end|>What?<|im_end|>\n<|im_start|>assistant\n",
            Show(template.Build(new([User(new ChatPart.Image(0), new ChatPart.Text("What?"))], [3]))));
        Assert.Equal(["<|im_end|>", "<|endoftext|>"], template.StopTokenIds.Select(id => Published.IdToToken(id)));
        Assert.Equal("qwen3-vl", template.Name);
    }

    [Fact]
    public void Build_SystemImagesAndTurns_StandAsGiven()
    {
        ChatMessage[] chat =
        [
            new(ChatRole.System, [new ChatPart.Text("Be brief.")]),
            User(new ChatPart.Text("Left: "), new ChatPart.Image(0), new ChatPart.Text(" right: "), new ChatPart.Image(1)),
            new(ChatRole.Assistant, [new ChatPart.Text("Two cats.")]),
            User(new ChatPart.Text("Sure?")),
        ];
        Assert.Equal(
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nLeft: <|vision_start|>[2]<|vision_end|> right: <|vision_start|>[4]<|vision_end|><|im_end|>\n"
            + "<|im_start|>assistant\nTwo cats.<|im_end|>\n<|im_start|>user\nSure?<|im_end|>\n<|im_start|>assistant\n",
            Show(new Qwen3VlPromptTemplate(Published).Build(new(chat, [2, 4]))));
    }

    [Fact]
    public void Build_ThinkingCheckpoint_OpensTheThought()
    {
        var template = new Qwen3VlPromptTemplate(Published, opensThought: true);
        Assert.Equal("<|im_start|>user\nWhat?<|im_end|>\n<|im_start|>assistant\n<think>\n", Show(template.Build(new([User(new ChatPart.Text("What?"))], []))));
        Assert.Equal("qwen3-vl-thinking", template.Name);
        Assert.Throws<ArgumentException>(() => new Qwen3VlPromptTemplate(Tokenizer(), opensThought: true));
    }

    [Theory]
    [InlineData(true, "Two cats.\n")]
    [InlineData(false, "I see fur.\n</think>\n\nTwo </think> no.</think>\nTwo cats.\n")]
    public void Build_EarlierAnswerWithAThought_ThinkingCheckpointsDropIt(bool thinking, string expected)
    {
        ChatMessage[] chat =
        [
            User(new ChatPart.Text("What?")),
            new(ChatRole.Assistant, [new ChatPart.Text("I see fur.\n</think>\n\nTwo </think> no.</thi"), new ChatPart.Text("nk>\nTwo cats.\n")]),
            User(new ChatPart.Text("</think>Sure?")),
        ];
        var prompt = Show(new Qwen3VlPromptTemplate(Published, thinking).Build(new(chat, [])));
        Assert.Contains($"<|im_start|>assistant\n{expected}<|im_end|>\n<|im_start|>user\n</think>Sure?<|im_end|>", prompt, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("chat_template.jinja", Thinking, true)]
    [InlineData("chat_template.jinja", Instruct, false)]
    [InlineData("chat_template.json", Thinking, true)]
    [InlineData("chat_template.json", Instruct, false)]
    [InlineData("tokenizer_config.json", Thinking, true)]
    [InlineData("readme.txt", Thinking, false)]
    public void OpensThought_ChatTemplateOfTheFolder_Decides(string file, string template, bool expected)
    {
        using var folder = new TemporaryFolder().With(file, file.EndsWith(".json", StringComparison.Ordinal) ? new JsonObject { ["chat_template"] = template }.ToJsonString() : template);
        Assert.Equal(expected, Qwen3VlPromptTemplate.OpensThought(folder.Path));
    }

    [Fact]
    public void OpensThought_SeveralFiles_TheTemplatesOwnFileDecides()
    {
        using var folder = new TemporaryFolder().With("chat_template.jinja", Instruct).With("chat_template.json", new JsonObject { ["chat_template"] = Thinking }.ToJsonString());
        Assert.False(Qwen3VlPromptTemplate.OpensThought(folder.Path));
    }

    /// <summary>The published vocabulary with the special tokens of Qwen3.</summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Build_PublishedVocabulary_GivesThePublishedIds(bool thinking)
    {
        string[] special =
        [
            "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>",
            "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>",
            "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>",
        ];
        var tokenizer = Vocabularies.Qwen2(special.Select((t, i) => (t, 151643 + i)).ToDictionary());
        var template = new Qwen3VlPromptTemplate(tokenizer, thinking);
        var prompt = template.Build(new([User(new ChatPart.Image(0), new ChatPart.Text("<|image_pad|>"))], [2]));
        Assert.Equal([151644, 872, 198, 151652, 151655, 151655, 151653], prompt.Ids[..7]);
        Assert.Equal(thinking ? [151645, 198, 151644, 77091, 198, 151667, 198] : [151645, 198, 151644, 77091, 198], prompt.Ids[^(thinking ? 7 : 5)..]);
        Assert.Equal([151645, 151643], template.StopTokenIds);

        // The placeholder that the user typed is text.
        Assert.Equal(2, prompt.Ids.Count(id => id == 151655));
    }

    private static ChatMessage User(params ChatPart[] parts) => new(ChatRole.User, parts);

    /// <summary>The prompt as text, each run of visual tokens as its length.</summary>
    private static string Show(TokenizedPrompt prompt)
    {
        var (text, position) = ("", 0);
        foreach (var image in prompt.Images)
        {
            Assert.All(prompt.Ids[image.Start..(image.Start + image.Count)], id => Assert.Equal("<|image_pad|>", Published.IdToToken(id)));
            text += Published.Decode(prompt.Ids.AsSpan(position, image.Start - position), false) + FormattableString.Invariant($"[{image.Count}]");
            position = image.Start + image.Count;
        }

        return text + Published.Decode(prompt.Ids.AsSpan(position), false);
    }

    private static ITokenizer Tokenizer(params string[] more)
    {
        string[] added = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", .. more];
        var json = JsonNode.Parse(File.ReadAllText(OracleData.FilePath("qwen2.tokenizer.json")))!;
        var start = json["model"]!["vocab"]!.AsObject().Count;
        json["added_tokens"] = new JsonArray([.. added.Select((t, i) => new JsonObject { ["id"] = start + i, ["content"] = t, ["special"] = !more.Contains(t) })]);
        return Vocabularies.OpenJson(json.ToJsonString());
    }
}
