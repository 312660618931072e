using System.Text.Json.Nodes;
using Sgl.TestKit;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>Each broken setting gives one problem that names file, key, expected and found.</summary>
public sealed class BrokenConfigTests
{
    private const string Int = "an integer from 1 to 268435456";
    private const string LlmArchitectures = "a list that begins with one of \"InternLM2ForCausalLM\", \"Qwen2ForCausalLM\", \"Qwen3ForCausalLM\", \"LlamaForCausalLM\", \"Phi3ForCausalLM\"";
    private const string Activations = "one of \"gelu\", \"gelu_pytorch_tanh\", \"quick_gelu\"";
    private const string ModelTypes = "one of \"internvl_chat\", \"internvl\", \"qwen2_vl\", \"qwen2_5_vl\", \"qwen3_vl\", \"llava_onevision\", \"llava_qwen\"";

    public static TheoryData<string, string?, string, string> Settings => new()
    {
        { "model_type", "\"gpt_oss\"", ModelTypes, "\"gpt_oss\"" },
        { "model_type", null, ModelTypes, "nothing" },
        { "model_type", "null", ModelTypes, "null" },
        { "llm_config", null, "an object", "nothing" },
        { "vision_config", "[1,2]", "an object", "a list of 2" },
        { "select_layer", "-4", "-1 (the last layer's output)", "-4" },
        { "ps_version", "\"v3\"", "one of \"v2\", \"v1\"", "\"v3\"" },
        { "downsample_ratio", "0.3", "1/n with a whole number n, such as 0.5", "0.3" },
        { "downsample_ratio", "0", "a number above 0", "0" },
        { "downsample_ratio", "0.2", "a ratio 1/n whose n divides the 4 patches of a tile's side", "0.2" },
        { "force_image_size", "-448", Int, "-448" },
        { "force_image_size", "112", "vision_config.image_size (56), the size that the position table was made for", "112" },
        { "max_dynamic_patch", "0", "an integer from 1 to 1024", "0" },
        { "min_dynamic_patch", "13", "at least min_dynamic_patch (13)", "12" },
        { "use_thumbnail", "\"yes\"", "true or false", "\"yes\"" },
        { "template", "\"vicuna\"", "one of \"internlm2-chat\", \"Hermes-2\", \"phi3-chat\", \"internvl2_5\"", "\"vicuna\"" },
        { "llm_config.architectures", "[\"GptOssForCausalLM\"]", LlmArchitectures, "\"GptOssForCausalLM\"" },
        { "llm_config.architectures", null, LlmArchitectures, "nothing" },
        { "llm_config.hidden_act", "\"relu\"", "\"silu\"", "\"relu\"" },
        { "llm_config.hidden_size", null, Int, "nothing" },
        { "llm_config.hidden_size", "\"16\"", Int, "\"16\"" },
        { "llm_config.hidden_size", "16.5", Int, "16.5" },
        { "llm_config.hidden_size", "18", "a multiple of num_attention_heads (4)", "18" },
        { "llm_config.hidden_size", "12", "an even number of values per attention head", "12 / 4 = 3" },
        { "llm_config.head_dim", "8", "hidden_size / num_attention_heads = 4", "8" },
        { "llm_config.num_attention_heads", "0", Int, "0" },
        { "llm_config.num_key_value_heads", "3", "a multiple of num_key_value_heads (3)", "4" },
        { "llm_config.num_hidden_layers", "1000000000", "an integer from 1 to 4096", "1000000000" },
        { "llm_config.vocab_size", "-1", "an integer from 1 to 16777216", "-1" },
        { "llm_config.rms_norm_eps", "-1e-5", "a number above 0", "-1e-5" },
        { "llm_config.rope_theta", "1e999", "a number above 0", "1e999" },
        { "llm_config.rope_scaling", "\"dynamic\"", "an object", "\"dynamic\"" },
        { "llm_config.rope_scaling.type", "\"yarn\"", "one of \"dynamic\", \"linear\", \"default\"", "\"yarn\"" },
        { "llm_config.rope_scaling.type", null, "one of \"dynamic\", \"linear\", \"default\"", "nothing" },
        { "llm_config.rope_scaling.factor", "0.5", "a number of at least 1", "0.5" },
        { "llm_config.rope_scaling.factor", null, "a number above 0", "nothing" },
        { "llm_config.eos_token_id", "[2, -7]", "a token id or a list of token ids", "a list of 2" },
        { "llm_config.quantization_config", "{}", "awq, gptq (both 4 bits), compressed-tensors (int8, 4 bits, fp8) or fp8, or unquantized weights", "an object" },
        { "quantization_config", """{"quant_method": "bitsandbytes", "bits": 4}""", "awq, gptq (both 4 bits), compressed-tensors (int8, 4 bits, fp8) or fp8, or unquantized weights", "quant_method \"bitsandbytes\"" },
        { "vision_config.hidden_act", "\"swish\"", Activations, "\"swish\"" },
        { "vision_config.norm_type", "\"batch_norm\"", "one of \"layer_norm\", \"rms_norm\"", "\"batch_norm\"" },
        { "vision_config.hidden_size", "9", "a multiple of num_attention_heads (2)", "9" },
        { "vision_config.num_channels", "4", "3 (RGB)", "4" },
        { "vision_config.image_size", "60", "a multiple of patch_size (14)", "60" },
        { "vision_config.patch_size", null, "an integer from 1 to 16384", "nothing" },
        { "vision_config.qkv_bias", "1", "true or false", "1" },
        { "vision_config.layer_norm_eps", "0", "a number above 0", "0" },
    };

    public static TheoryData<DecoderArchitecture, string, string?, string, string> OtherDecoders => new()
    {
        { DecoderArchitecture.Qwen2, "num_key_value_heads", null, Int, "nothing" },
        { DecoderArchitecture.Qwen2, "use_sliding_window", "true", "false", "true" },
        { DecoderArchitecture.Llama, "mlp_bias", "true", "false", "true" },
        { DecoderArchitecture.Llama, "rope_scaling.type", "\"su\"", "one of \"default\", \"linear\", \"dynamic\", \"llama3\"", "\"su\"" },
        { DecoderArchitecture.Llama, "rope_scaling.rope_type", "\"longrope\"", "one of \"default\", \"linear\", \"dynamic\", \"llama3\"", "\"longrope\"" },
        { DecoderArchitecture.Phi3, "partial_rotary_factor", "0.5", "1", "0.5" },
        { DecoderArchitecture.Phi3, "rope_scaling", """{"type":"su","short_factor":[1],"long_factor":[1,1]}""", "2 numbers above 0", "a list of 1" },
        { DecoderArchitecture.Phi3, "rope_scaling", """{"type":"su","short_factor":[1,0],"long_factor":[1,1]}""", "2 numbers above 0", "0" },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Open_BrokenSetting_NamesFileKeyExpectedFound(string path, string? value, string expected, string found)
    {
        using var folder = new TinyFolder();
        Set(folder.Config, path, value);
        var problem = Assert.Single(folder.Write().OpenFails().Problems);
        Assert.Equal("config.json", problem.File);

        // Two settings contradict each other: the message names the one that the other rules out.
        var key = (path, value) switch
        {
            ("min_dynamic_patch", _) => "max_dynamic_patch",
            ("llm_config.num_key_value_heads", _) => "llm_config.num_attention_heads",
            _ => path,
        };
        Assert.Equal((key, expected, found), (problem.Key, problem.Expected, problem.Found));
    }

    [Theory]
    [MemberData(nameof(OtherDecoders))]
    public void Open_BrokenSettingOfADecoder_NamesFileKeyExpectedFound(DecoderArchitecture architecture, string path, string? value, string expected, string found)
    {
        using var folder = new TinyFolder().Use(architecture);
        folder.Text["original_max_position_embeddings"] = 64;
        Set(folder.Config, $"llm_config.{path}", value);
        var problem = Assert.Single(folder.Write().OpenFails().Problems);
        Assert.Equal("config.json", problem.File);
        Assert.StartsWith($"llm_config.{path}", problem.Key, StringComparison.Ordinal);
        Assert.Equal((expected, found), (problem.Expected, problem.Found));
    }

    [Theory]
    [InlineData("mrope_section", "[1,1,1]", "3 positive numbers with sum head_dim / 2 = 2", "[1, 1, 1]")]
    [InlineData("mrope_section", "[1,1]", "3 positive numbers with sum head_dim / 2 = 2", "[1, 1]")]
    [InlineData("mrope_section", null, "a list of integers", "nothing")]
    [InlineData("type", "\"yarn\"", "one of \"mrope\", \"default\"", "\"yarn\"")]
    public void Open_BrokenMultimodalRope_NamesFileKeyExpectedFound(string key, string? value, string expected, string found)
    {
        var config = JsonNode.Parse("""
            {"model_type":"qwen2_vl","hidden_size":16,"intermediate_size":24,"num_attention_heads":4,"num_hidden_layers":1,"num_key_value_heads":2,
            "vocab_size":32,"image_token_id":5,"rope_scaling":{"type":"mrope","mrope_section":[1,1,0]},"vision_config":{"embed_dim":16,"num_heads":2,"depth":1,"hidden_size":16}}
            """)!.AsObject();
        Set(config, $"rope_scaling.{key}", value);
        if (key == "type")
        {
            Set(config, "rope_scaling.mrope_section", "[1,1,2]");
            config["hidden_size"] = 32;
            config["vision_config"]!["hidden_size"] = 32;
        }

        using var folder = new TestFolder();
        folder.Json("config.json", config).Weights("model.safetensors", []);
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path).Dispose());
        var problem = Assert.Single(error.Problems);
        Assert.Equal(("config.json", $"rope_scaling.{key}", expected, found), (problem.File, problem.Key, problem.Expected, problem.Found));
    }

    [Fact]
    public void Open_SeveralProblems_ReportsAllInOneMessage()
    {
        using var folder = new TinyFolder();
        folder.Config["ps_version"] = "v9";
        folder.Text["rope_theta"] = 0;
        folder.Vision.Remove("hidden_size");
        folder.Files.Text("generation_config.json", "{").Text("preprocessor_config.json", """{"image_mean":[1,2]}""");
        folder.Files.Json("config.json", folder.Config).Raw("model.safetensors", "[]", 0);
        var error = folder.OpenFails();
        Assert.Equal(
            ["model.safetensors", "config.json", "config.json", "config.json", "generation_config.json"],
            error.Problems.Select(p => p.File));
        Assert.All(error.Problems, p => Assert.Contains(p.ToString(), error.Message, StringComparison.Ordinal));
        Assert.Contains(folder.Files.Path, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"model_type\":", "valid JSON without duplicate keys")]
    [InlineData("", "valid JSON without duplicate keys")]
    [InlineData("[]", "a JSON object")]
    [InlineData("{\"\\ud800\":1}", "valid JSON without duplicate keys")]
    [InlineData("{\"model_type\":\"a\",\"model_type\":\"b\"}", "valid JSON without duplicate keys")]
    public void Open_ConfigIsNoObject_NamesFile(string text, string expected)
    {
        using var folder = new TinyFolder().Write();
        folder.Files.Text("config.json", text);
        var problem = Assert.Single(folder.OpenFails().Problems);
        Assert.Equal(("config.json", null, expected), (problem.File, problem.Key, problem.Expected));
    }

    [Fact]
    public void Open_NoConfig_NamesFile()
    {
        using var folder = new TinyFolder().Write();
        File.Delete(folder.Files.File("config.json"));
        var problem = Assert.Single(folder.OpenFails().Problems);
        Assert.Equal(new CheckpointProblem("config.json", null, "the file to exist", "no such file"), problem);
    }

    [Theory]
    [InlineData("image_mean", "[0.5,0.5]", "3 numbers of at least 0", "a list of 2")]
    [InlineData("image_std", "[0.5,0,0.5]", "3 numbers above 0", "0")]
    [InlineData("do_normalize", "false", "true", "false")]
    [InlineData("resample", "2", "3 (bicubic)", "2")]
    [InlineData("rescale_factor", "0.0078125", "1/255", "0.0078125")]
    public void Open_BrokenPreprocessor_NamesFileKeyExpectedFound(string key, string value, string expected, string found)
    {
        using var folder = new TinyFolder().Write();
        folder.Files.Text("preprocessor_config.json", $$"""{"{{key}}":{{value}}}""");
        var problem = Assert.Single(folder.OpenFails().Problems);
        Assert.Equal(("preprocessor_config.json", key, expected, found), (problem.File, problem.Key, problem.Expected, problem.Found));
    }

    [Fact]
    public void Open_GenerationConfig_StopsAtItsIds()
    {
        using var folder = new TinyFolder().Write();
        folder.Files.Text("generation_config.json", """{"eos_token_id":[7,9],"temperature":0.0,"top_k":1,"do_sample":true}""");
        using var checkpoint = folder.Open();
        Assert.Equal([7, 9], checkpoint.Generation.StopTokenIds);
        Assert.Equal((0.0, 1, true), (checkpoint.Generation.Temperature, checkpoint.Generation.TopK, checkpoint.Generation.DoSample));
    }

    [Fact]
    public void Open_ImageTokenOutsideTheVocabulary_IsRefused()
    {
        using var folder = new TinyFolder().Write();
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Files.Path, new CheckpointOptions { ImageTokenId = 32 }).Dispose());
        Assert.Equal("an id below vocab_size (32)", error.Expected);
        using var sound = Checkpoint.Open(folder.Files.Path, new CheckpointOptions { ImageTokenId = 31, StopTokenIds = [3] });
        Assert.Equal(31, sound.Config.ImageTokenId);
        Assert.Equal([3], sound.Generation.StopTokenIds);
    }

    private static void Set(JsonObject config, string path, string? json)
    {
        var parts = path.Split('.');
        foreach (var part in parts[..^1])
        {
            if (config[part] is not JsonObject inner)
            {
                config[part] = inner = [];
            }

            config = inner;
        }

        if (json is null)
        {
            config.Remove(parts[^1]);
        }
        else
        {
            config[parts[^1]] = JsonNode.Parse(json);
        }
    }
}
