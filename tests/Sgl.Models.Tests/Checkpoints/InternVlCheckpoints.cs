using Sgl.TestKit;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>
/// InternVL2.5, 3 and 3.5 as the hub has them, in the authors' layout and in that of transformers ("-hf"): config.json, and names and shapes of the
/// specification, written down without looking at the code under test.
/// </summary>
internal static class InternVlCheckpoints
{
    private static readonly Dictionary<string, (double Billions, Text Text)> Published = new()
    {
        ["InternVL2.5-1B"] = (0.938, Qwen2(24, 896, 14, 2, 64, 4864)),
        ["InternVL2.5-2B"] = (2.206, InternLm2(24, 2048, 16, 8192)),
        ["InternVL2.5-4B"] = (3.713, Qwen2(36, 2048, 16, 2, 128, 11008)),
        ["InternVL2.5-8B"] = (8.075, InternLm2(32, 4096, 32, 14336)),
        ["InternVL2.5-26B"] = (25.51, InternLm2(48, 6144, 48, 16384)),
        ["InternVL2.5-38B"] = (38.388, Qwen2(64, 5120, 40, 8, 128, 27648)),
        ["InternVL2.5-78B"] = (78.408, Qwen2(80, 8192, 64, 8, 128, 29568)),
        ["InternVL3-1B"] = (0.938, Ntk(24, 896, 14, 2, 64, 4864)),
        ["InternVL3-2B"] = (2.089, Ntk(28, 1536, 12, 2, 128, 8960)),
        ["InternVL3-8B"] = (7.944, Ntk(28, 3584, 28, 4, 128, 18944)),
        ["InternVL3-14B"] = (15.117, Ntk(48, 5120, 40, 8, 128, 13824)),
        ["InternVL3-38B"] = (38.388, Ntk(64, 5120, 40, 8, 128, 27648)),
        ["InternVL3-78B"] = (78.408, Ntk(80, 8192, 64, 8, 128, 29568)),
        ["InternVL3.5-1B"] = (1.061, Qwen3(28, 1024, 16, 3072)),
        ["InternVL3.5-2B"] = (2.348, Qwen3(28, 2048, 16, 6144)),
        ["InternVL3.5-4B"] = (4.732, Qwen3(36, 2560, 32, 9728)),
        ["InternVL3.5-8B"] = (8.528, Qwen3(36, 4096, 32, 12288)),
        ["InternVL3.5-14B"] = (15.120, Qwen3(40, 5120, 40, 17408)),
        ["InternVL3.5-38B"] = (38.390, Qwen3(64, 5120, 64, 25600)),
    };

    /// <summary>Names with the published number of parameters in billions.</summary>
    public static IReadOnlyDictionary<string, double> Billions { get; } = Published
        .SelectMany(p => new[] { (p.Key, p.Value.Billions), (p.Key + "-hf", p.Value.Billions) })
        .Concat(new[] { "InternVL2.5-2B", "InternVL3-1B", "InternVL3-38B", "InternVL3.5-1B" }.Select(n => (n + "-hf saved again", Published[n].Billions)))
        .ToDictionary(p => p.Item1, p => p.Item2);

    public static (string Config, SpecTensors Tensors) Describe(string name)
    {
        var parts = name.Split("-hf");
        var (billions, text) = Published[parts[0]];
        var large = billions > 20;
        return parts.Length == 1 ? (Config(text, large), Original(text, large)) : (NativeConfig(text, large, again: parts[1].Length > 0), Native(text, large, again: parts[1].Length > 0));
    }

    private static Text Qwen2(int layers, long hidden, long heads, long kv, long d, long inner) =>
        new("qwen2", "Qwen2ForCausalLM", layers, hidden, heads, kv, d, inner, 151674, "null");

    private static Text Ntk(int layers, long hidden, long heads, long kv, long d, long inner) =>
        Qwen2(layers, hidden, heads, kv, d, inner) with { Rope = """{"factor":2.0,"rope_type":"dynamic","type":"dynamic"}""" };

    private static Text InternLm2(int layers, long hidden, long heads, long inner) =>
        new("internlm2", "InternLM2ForCausalLM", layers, hidden, heads, 8, 128, inner, 92553, """{"factor":2.0,"type":"dynamic"}""") { Eps = "1e-05" };

    private static Text Qwen3(int layers, long hidden, long heads, long inner) =>
        new("qwen3", "Qwen3ForCausalLM", layers, hidden, heads, 8, 128, inner, 151936, "null") { MaxPositions = 40960 };

    private static string Config(Text text, bool large) => $$"""
        {"architectures":["InternVLChatModel"],"auto_map":{"AutoConfig":"configuration_internvl_chat.InternVLChatConfig"},"downsample_ratio":0.5,
        "dynamic_image_size":true,"force_image_size":448,"hidden_size":{{text.Hidden}},"image_fold":null,
        "llm_config":{"architectures":["{{text.Architecture}}"],{{Keys(text)}},"model_type":"{{text.ModelType}}","rope_theta":1000000.0,
        "rope_scaling":{{text.Rope}},"tie_word_embeddings":false,"torch_dtype":"bfloat16"},
        "max_dynamic_patch":12,"min_dynamic_patch":1,"model_type":"internvl_chat","output_attentions":false,"pad2square":false,"ps_version":"v2",
        "select_layer":-1,"system_message":null,"template":"internvl2_5","tie_word_embeddings":false,"torch_dtype":"bfloat16","transformers_version":null,
        "use_backbone_lora":0,"use_llm_lora":0,"use_thumbnail":true,
        "vision_config":{"capacity_factor":1.2,"drop_path_rate":0.0,"hidden_act":"gelu","hidden_size":{{(large ? 3200 : 1024)}},"image_size":448,
        "intermediate_size":{{(large ? 12800 : 4096)}},"laux_allreduce":"all_nodes","layer_norm_eps":1e-06,"model_type":"intern_vit_6b","moe_coeff_ratio":0.5,
        "noisy_gate_policy":"RSample_before","norm_type":"{{(large ? "rms_norm" : "layer_norm")}}","num_attention_heads":{{(large ? 25 : 16)}},
        "num_channels":3,"num_experts":8,"num_hidden_layers":{{(large ? 45 : 24)}},"patch_size":14,"qk_normalization":{{(large ? "true" : "false")}},
        "qkv_bias":{{(large ? "false" : "true")}},"use_moe":false,"use_residual":true,"use_rts":false,"use_weighted_residual":false}
        }
        """;

    /// <summary>Saved again, what equals the class's value (most of the small tower) is left out.</summary>
    private static string NativeConfig(Text text, bool large, bool again)
    {
        var tower = large
            ? """
              "attention_bias":false,"hidden_size":3200,"intermediate_size":12800,"norm_type":"rms_norm","num_attention_heads":25,"num_hidden_layers":45,"use_qk_norm":true
              """
            : again
                ? """
                  "attention_bias":true
                  """
                : """
                  "attention_bias":true,"hidden_act":"gelu","hidden_size":1024,"intermediate_size":4096,"norm_type":"layer_norm","num_attention_heads":16,
                  "num_channels":3,"num_hidden_layers":24,"layer_norm_eps":1e-06,"use_qk_norm":false
                  """;
        var scaling = text.Rope == "null" ? "\"default\"" : "\"dynamic\",\"factor\":2.0";
        var rope = again
            ? $"\"rope_parameters\":{{\"rope_theta\":1000000.0,\"rope_type\":{scaling}}}"
            : $"\"rope_scaling\":{text.Rope},\"rope_theta\":1000000.0,\"tie_word_embeddings\":false";
        return $$"""
            {"architectures":["InternVLForConditionalGeneration"],"downsample_ratio":0.5,"image_seq_length":256,"image_token_id":{{(text.Vocabulary < 100_000 ? 92546 : 151667)}},
            "model_type":"internvl","projector_hidden_act":"gelu",
            "text_config":{"architectures":["{{text.Architecture}}"],{{Keys(text)}},"model_type":"{{(text.ModelType == "internlm2" ? "llama" : text.ModelType)}}",
            "{{(again ? "dtype" : "torch_dtype")}}":"bfloat16",{{rope}}},
            "transformers_version":"{{(again ? "5.0.0" : "4.52.0.dev0")}}","vision_feature_layer":-1,"vision_feature_select_strategy":"default",
            "vision_config":{"architectures":["InternVisionModel"],"image_size":[448,448],"model_type":"internvl_vision","patch_size":[14,14],"use_mean_pooling":true,
            {{tower}}}{{(again ? ",\"tie_word_embeddings\":false" : "")}}}
            """;
    }

    private static string Keys(Text text) => $"""
        "attention_dropout":0.0,"bias":false,"eos_token_id":151645,"hidden_act":"silu","hidden_size":{text.Hidden},"initializer_range":0.02,
        "intermediate_size":{text.Inner},"max_position_embeddings":{text.MaxPositions},"max_window_layers":{text.Layers},"num_attention_heads":{text.Heads},
        "num_hidden_layers":{text.Layers},"num_key_value_heads":{text.Kv},"rms_norm_eps":{text.Eps},"sliding_window":null,"use_cache":true,
        "use_sliding_window":false,"vocab_size":{text.Vocabulary}{(text.ModelType == "qwen3" ? ",\"head_dim\":128,\"attention_bias\":false" : "")}
        """;

    private static SpecTensors Original(Text text, bool large)
    {
        var t = new SpecTensors().InternVit(large ? 3200 : 1024, large ? 12800 : 4096, large ? 45 : 24, 1025, large, text.Hidden);
        return text.ModelType == "internlm2"
            ? t.InternLm2(text.Layers, text.Hidden, text.Heads, text.Kv, text.D, text.Inner, text.Vocabulary)
            : Decoder(t, text, "language_model.model.", "language_model.lm_head.weight");
    }

    private static SpecTensors Native(Text text, bool large, bool again)
    {
        long width = large ? 3200 : 1024, inner = large ? 12800 : 4096;
        var (vision, projector) = again ? ("model.vision_tower.", "model.multi_modal_projector.") : ("vision_tower.", "multi_modal_projector.");
        var t = new SpecTensors();
        t.Add(vision + "embeddings.cls_token", 1, 1, width);
        t.Add(vision + "embeddings.position_embeddings", 1, 1025, width);
        t.Add(vision + "embeddings.patch_embeddings.projection.weight", width, 3, 14, 14);
        t.Add(vision + "embeddings.patch_embeddings.projection.bias", width);
        for (var i = 0; i < (large ? 45 : 24); i++)
        {
            var b = $"{vision}encoder.layer.{i}.";
            foreach (var norm in new[] { "layernorm_before", "layernorm_after" })
            {
                t.Add($"{b}{norm}.weight", width);
                if (!large)
                {
                    t.Add($"{b}{norm}.bias", width);
                }
            }

            foreach (var name in new[] { "q", "k", "v" })
            {
                t.Add($"{b}attention.{name}_proj.weight", width, width);
                if (!large)
                {
                    t.Add($"{b}attention.{name}_proj.bias", width);
                }
                else if (name != "v")
                {
                    t.Add($"{b}attention.{name}_norm.weight", width);
                }
            }

            t.Linear(b + "attention.projection_layer", width, width);
            t.Linear(b + "mlp.fc1", inner, width);
            t.Linear(b + "mlp.fc2", width, inner);
            t.Add(b + "lambda_1", width);
            t.Add(b + "lambda_2", width);
        }

        t.Add(projector + "layer_norm.weight", 4 * width);
        t.Add(projector + "layer_norm.bias", 4 * width);
        t.Linear(projector + "linear_1", text.Hidden, 4 * width);
        t.Linear(projector + "linear_2", text.Hidden, text.Hidden);
        return again ? Decoder(t, text, "model.language_model.", "lm_head.weight") : Decoder(t, text, "language_model.model.", "language_model.lm_head.weight");
    }

    private static SpecTensors Decoder(SpecTensors t, Text text, string prefix, string head) => t.Separate(
        prefix, head, text.Layers, text.Hidden, text.Heads, text.Kv, text.D, text.Inner, text.Vocabulary, bias: text.ModelType == "qwen2", norms: text.ModelType == "qwen3");

    private sealed record Text(string ModelType, string Architecture, int Layers, long Hidden, long Heads, long Kv, long D, long Inner, long Vocabulary, string Rope)
    {
        public string Eps { get; init; } = "1e-06";

        public int MaxPositions { get; init; } = 32768;
    }
}
