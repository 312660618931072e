using System.Text.Json.Nodes;
using Sgl.TestKit;
using Sgl.Text;
using Sgl.Vision;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>Tokenizer, template, ids and positions as one folder gives them.</summary>
public sealed class TokenizerFolderTests
{
    private static readonly string[] InternVlTokens = ["<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"];
    private static readonly string[] QwenTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"];

    [Fact]
    public void Open_DemoPair_SharesTokenizerAndLayout()
    {
        using var small = Checkpoint.Open(Path.Combine(SharedData.RepositoryRoot, "models", "sgl-demo-small"));
        using var large = Checkpoint.Open(Path.Combine(SharedData.RepositoryRoot, "models", "sgl-demo-large"));
        Assert.NotNull(small.TokenizerDigest);
        Assert.Equal(small.TokenizerDigest, large.TokenizerDigest);
        Assert.Equal(small.VisualLayoutKey, large.VisualLayoutKey);
        Assert.Equal(small.Tokenizer!.AddedTokens["<IMG_CONTEXT>"], small.Config.ImageTokenId);
        Assert.Equal([small.Tokenizer.AddedTokens["<|im_end|>"]], small.Generation.StopTokenIds);
        Assert.Empty(small.UnusedTensors);
        Assert.Empty(large.UnusedTensors);
    }

    [Fact]
    public void Open_InternVlWithTokenizer_TakesPlaceholderAndStopFromIt()
    {
        using var folder = InternVl(InternVlTokens);
        using var checkpoint = folder.Open();
        Assert.Equal(260, checkpoint.Config.ImageTokenId);
        Assert.Equal("internlm2-chat", checkpoint.Template!.Name);

        // chat() stops at the separator only, whatever eos_token_id says.
        Assert.Equal([257], checkpoint.Generation.StopTokenIds);
        var prompt = checkpoint.Template.Build(new PromptRequest([new ChatMessage(ChatRole.User, [new ChatPart.Text("what?")])], [4]));
        Assert.Equal(4, prompt.Ids.Count(i => i == 260));
        var positions = checkpoint.Positions(prompt, []);
        Assert.Equal((1, prompt.Ids.Length, prompt.Ids.Length), (positions.Axes, positions.Count, positions.Next));
    }

    [Fact]
    public void TokenizerDigest_OtherTokens_Differs()
    {
        using var one = InternVl(InternVlTokens);
        using var two = InternVl([.. InternVlTokens, "<quad>"]);
        using var a = one.Open();
        using var b = one.Open();
        using var c = two.Open();
        Assert.Equal(a.TokenizerDigest, b.TokenizerDigest);
        Assert.NotEqual(a.TokenizerDigest, c.TokenizerDigest);
    }

    [Fact]
    public void Open_TokenizerLacksTheTemplatesTokens_SaysWhich()
    {
        using var folder = InternVl(["<|im_start|>", "<|im_end|>", "</img>", "<IMG_CONTEXT>"]);
        var problem = Assert.Single(folder.OpenFails().Problems);
        Assert.Equal("the tokens of the family's prompt format", problem.Expected);
        Assert.Contains("'<img>'", problem.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_TokenizerWithoutTemplateName_IsRefused()
    {
        using var folder = InternVl(InternVlTokens);
        folder.Config.Remove("template");
        var problem = Assert.Single(folder.Write().OpenFails().Problems);
        Assert.Equal(("config.json", "template", "nothing"), (problem.File, problem.Key, problem.Found));
    }

    [Fact]
    public void Open_MoreTokensThanEmbeddingRows_IsRefused()
    {
        using var folder = InternVl(InternVlTokens);
        folder.Text["vocab_size"] = 260;
        folder.Tensors = new SpecTensors().InternVit(8, 12, 1, 17, sixB: false, 16).InternLm2(2, 16, 4, 2, 4, 24, 260);
        var problems = folder.Write().OpenFails().Problems;
        Assert.Contains(new CheckpointProblem("config.json", "vocab_size", "at least the tokenizer's 261 ids", "260"), problems);
    }

    [Fact]
    public void Open_DamagedTokenizer_NamesItsFileAndKey()
    {
        using var folder = InternVl(InternVlTokens);
        var tokenizer = ByteTokenizer(InternVlTokens);
        tokenizer["model"]!["type"] = "Unigram";
        folder.Files.Json("tokenizer.json", tokenizer);
        var problem = Assert.Single(folder.OpenFails().Problems);
        Assert.Equal(("tokenizer.json", "model.type", "a tokenizer that can be read"), (problem.File, problem.Key, problem.Expected));
        Assert.DoesNotContain(folder.Files.Path, problem.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void Positions_Qwen2Vl_FollowTheImagesGrid()
    {
        using var folder = Qwen2Vl(imageToken: 261);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Equal([258, 256], checkpoint.Generation.StopTokenIds);
        var input = checkpoint.Preprocessor.Process(new RgbImage(112, 56, new byte[3 * 112 * 56]));
        Assert.Equal((1, 4, 8), input.Grid);
        var prompt = checkpoint.Template!.Build(new PromptRequest([new ChatMessage(ChatRole.User, [new ChatPart.Image(0), new ChatPart.Text("hi")])], [8]));
        var span = Assert.Single(prompt.Images);
        var positions = checkpoint.Positions(prompt, [input]);
        Assert.Equal(3, positions.Axes);
        Assert.Equal(prompt.Ids.Length - 4, positions.Next);
        int[] lastVisualToken = [span.Start, span.Start + 1, span.Start + 3];
        Assert.Equal(lastVisualToken, Enumerable.Range(0, 3).Select(axis => positions.Values.Span[(axis * positions.Count) + span.Start + 7]));
        Assert.Throws<ArgumentException>(() => checkpoint.Family.Positions(checkpoint.Config, 20, [new ImageSpan(0, 2, 7)], [input]));
    }

    [Fact]
    public void Open_ImageTokenOfConfigAndTokenizerDisagree_IsRefused()
    {
        using var folder = Qwen2Vl(imageToken: 200);
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path).Dispose()).Problems);
        Assert.Equal(new CheckpointProblem("config.json", "image token id", "261, the tokenizer's <|image_pad|>", "200"), problem);
    }

    internal static TinyFolder InternVl(string[] addedTokens)
    {
        var folder = new TinyFolder();
        folder.Text["vocab_size"] = 272;
        folder.Tensors = new SpecTensors().InternVit(8, 12, 1, 17, sixB: false, 16).InternLm2(2, 16, 4, 2, 4, 24, 272);
        folder.Files.Json("tokenizer.json", ByteTokenizer(addedTokens));
        return folder.Write();
    }

    private static TestFolder Qwen2Vl(int imageToken)
    {
        var tensors = new SpecTensors().Qwen2VlVisual("visual.", 16, 1, 64, 16).Separate("model.", null, 1, 16, 2, 1, 8, 24, 264, bias: true);
        return new TestFolder()
            .Text("config.json", $$$"""
                {"model_type":"qwen2_vl","hidden_size":16,"intermediate_size":24,"num_attention_heads":2,"num_hidden_layers":1,"num_key_value_heads":1,
                "vocab_size":264,"image_token_id":{{{imageToken}}},"tie_word_embeddings":true,"eos_token_id":258,
                "rope_scaling":{"type":"mrope","mrope_section":[2,1,1]},"vision_config":{"embed_dim":16,"num_heads":2,"depth":1,"hidden_size":16}}
                """)
            .Json("tokenizer.json", ByteTokenizer(QwenTokens))
            .Weights("model.safetensors", tensors);
    }

    /// <summary>A byte-level BPE without merges: ids 0..255 are bytes, then the added tokens.</summary>
    internal static JsonObject ByteTokenizer(string[] addedTokens)
    {
        var vocabulary = new JsonObject();
        var next = 256;
        for (var b = 0; b < 256; b++)
        {
            // GPT-2's alphabet: printable bytes are themselves, the others follow from U+0100 in order.
            var printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            vocabulary[((char)(printable ? b : next++)).ToString()] = b;
        }

        return new JsonObject
        {
            ["added_tokens"] = new JsonArray([.. addedTokens.Select((t, i) => new JsonObject
            {
                ["id"] = 256 + i,
                ["content"] = t,
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
                ["normalized"] = false,
                ["special"] = true,
            })]),
            ["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = false, ["use_regex"] = true },
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = true, ["trim_offsets"] = true, ["use_regex"] = true },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray() },
        };
    }
}
