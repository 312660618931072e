using System.Text.Json.Nodes;
using Sgl.TestKit;
using Sgl.Text;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>Ids and prompt of InternVL folders in transformers' layout.</summary>
public sealed class InternVlNativeTokenizerTests
{
    private static readonly string[] Tokens = ["<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<think>"];

    [Fact]
    public void Build_ImageAndQuestion_IsThePublishedChatTemplateWithTheImagesTokens()
    {
        using var folder = Folder(260);
        using var checkpoint = Checkpoint.Open(folder.Path);
        var prompt = checkpoint.Template!.Build(new PromptRequest([new ChatMessage(ChatRole.User, [new ChatPart.Image(0), new ChatPart.Text("What?")])], [2]));
        Assert.Equal("<|im_start|>user\n<img><IMG_CONTEXT><IMG_CONTEXT></img>\nWhat?<|im_end|>\n<|im_start|>assistant\n", Text(checkpoint, prompt));
        Assert.Equal(2, Assert.Single(prompt.Images).Count);
    }

    [Fact]
    public void Build_SystemMessage_IsATurnOfItsOwn()
    {
        using var folder = Folder(260);
        using var checkpoint = Checkpoint.Open(folder.Path);
        var prompt = checkpoint.Template!.Build(new PromptRequest(
            [new ChatMessage(ChatRole.System, [new ChatPart.Text("Be brief.")]), new ChatMessage(ChatRole.User, [new ChatPart.Text("What?")])], []));
        Assert.Equal("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat?<|im_end|>\n<|im_start|>assistant\n", Text(checkpoint, prompt));
    }

    [Fact]
    public void Open_StopIds_AreTheFilesAndTheTemplates()
    {
        using var folder = Folder(260);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Equal([7, 257], checkpoint.Generation.StopTokenIds.Order());
        Assert.Equal(260, checkpoint.Config.ImageTokenId);
    }

    /// <summary>The id of one generation's placeholder is another token in the next generation.</summary>
    [Fact]
    public void Open_ImageTokenIdOfAnotherGeneration_IsRefused()
    {
        using var folder = Folder(261);
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)).Problems);
        Assert.Equal(("260, the tokenizer's <IMG_CONTEXT>", "261"), (problem.Expected, problem.Found));
    }

    private static string Text(Checkpoint checkpoint, TokenizedPrompt prompt) => string.Concat(prompt.Ids.Select(id => id < 256 ? ((char)id).ToString() : checkpoint.Tokenizer!.IdToToken(id)));

    private static TestFolder Folder(int imageToken)
    {
        const string Vision = "vision_tower.";
        var tensors = new SpecTensors { { Vision + "embeddings.cls_token", 1, 1, 8 }, { Vision + "embeddings.position_embeddings", 1, 17, 8 } };
        tensors.Add(Vision + "embeddings.patch_embeddings.projection.weight", 8, 3, 14, 14);
        tensors.Add(Vision + "embeddings.patch_embeddings.projection.bias", 8);
        tensors.Add("multi_modal_projector.layer_norm.weight", 32);
        tensors.Add("multi_modal_projector.layer_norm.bias", 32);
        tensors.Linear("multi_modal_projector.linear_1", 16, 32);
        tensors.Linear("multi_modal_projector.linear_2", 16, 16);
        const string Block = Vision + "encoder.layer.0.";
        foreach (var norm in new[] { "layernorm_before", "layernorm_after" })
        {
            tensors.Add($"{Block}{norm}.weight", 8);
            tensors.Add($"{Block}{norm}.bias", 8);
        }

        foreach (var name in new[] { "q_proj", "k_proj", "v_proj", "projection_layer" })
        {
            tensors.Linear($"{Block}attention.{name}", 8, 8);
        }

        tensors.Linear(Block + "mlp.fc1", 12, 8);
        tensors.Linear(Block + "mlp.fc2", 8, 12);
        tensors.Add(Block + "lambda_1", 8);
        tensors.Add(Block + "lambda_2", 8);
        tensors.Separate("language_model.model.", "language_model.lm_head.weight", 1, 16, 4, 2, 4, 24, 272, bias: true);
        return new TestFolder()
            .Json("config.json", JsonNode.Parse($$"""
                {"model_type":"internvl","image_token_id":{{imageToken}},"image_seq_length":4,
                "text_config":{"model_type":"qwen2","hidden_size":16,"intermediate_size":24,"num_attention_heads":4,"num_hidden_layers":1,
                "num_key_value_heads":2,"vocab_size":272,"eos_token_id":7},
                "vision_config":{"attention_bias":true,"hidden_size":8,"image_size":[56,56],"intermediate_size":12,"num_attention_heads":2,"num_hidden_layers":1,"patch_size":14}
                }
                """)!)
            .Json("tokenizer.json", TokenizerFolderTests.ByteTokenizer(Tokens))
            .Weights("model.safetensors", tensors);
    }
}
