namespace Sgl.TestKit;

/// <summary>The config.json files of the paper's checkpoints, as the hub has them, without keys that no reader uses.</summary>
public static class RealConfigs
{
    private const string Vit300M = """
        {"architectures":["InternVisionModel"],"attention_dropout":0.0,"drop_path_rate":0.1,"dropout":0.0,"hidden_act":"gelu","hidden_size":1024,
        "image_size":448,"initializer_factor":1.0,"initializer_range":0.02,"intermediate_size":4096,"layer_norm_eps":1e-06,"model_type":"intern_vit_6b",
        "norm_type":"layer_norm","num_attention_heads":16,"num_channels":3,"num_hidden_layers":24,"output_attentions":false,"output_hidden_states":false,
        "patch_size":14,"qk_normalization":false,"qkv_bias":true,"return_dict":true,"torch_dtype":"bfloat16","use_bfloat16":true,"use_flash_attn":true}
        """;

    private const string Vit6B = """
        {"architectures":["InternVisionModel"],"attention_dropout":0.0,"drop_path_rate":0.0,"dropout":0.0,"hidden_act":"gelu","hidden_size":3200,
        "image_size":448,"initializer_factor":0.1,"initializer_range":1e-10,"intermediate_size":12800,"layer_norm_eps":1e-06,"model_type":"intern_vit_6b",
        "norm_type":"rms_norm","num_attention_heads":25,"num_channels":3,"num_hidden_layers":45,"patch_size":14,"qk_normalization":true,"qkv_bias":false,
        "return_dict":true,"torch_dtype":"bfloat16","use_bfloat16":true,"use_flash_attn":true}
        """;

    public static string InternVl2_1B { get; } = InternVl(Vit300M, "Hermes-2", """
        {"architectures":["Qwen2ForCausalLM"],"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,"hidden_act":"silu","hidden_size":896,
        "intermediate_size":4864,"max_position_embeddings":32768,"max_window_layers":24,"model_type":"qwen2","num_attention_heads":14,"num_hidden_layers":24,
        "num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,"tie_word_embeddings":true,"torch_dtype":"bfloat16",
        "use_cache":true,"use_sliding_window":false,"vocab_size":151655}
        """);

    public static string InternVl2_2B { get; } = InternVl(Vit300M, "internlm2-chat", """
        {"architectures":["InternLM2ForCausalLM"],"attn_implementation":"flash_attention_2","bias":false,"bos_token_id":1,"eos_token_id":2,"hidden_act":"silu",
        "hidden_size":2048,"intermediate_size":8192,"max_position_embeddings":32768,"model_type":"internlm2","num_attention_heads":16,"num_hidden_layers":24,
        "num_key_value_heads":8,"pad_token_id":2,"rms_norm_eps":1e-05,"rope_scaling":{"factor":2.0,"type":"dynamic"},"rope_theta":1000000,
        "tie_word_embeddings":false,"torch_dtype":"bfloat16","use_cache":true,"vocab_size":92553}
        """);

    public static string InternVl2_4B { get; } = InternVl(Vit300M, "phi3-chat", $$"""
        {"architectures":["Phi3ForCausalLM"],"attention_dropout":0.0,"bos_token_id":1,"embd_pdrop":0.0,"eos_token_id":32000,"hidden_act":"silu",
        "hidden_size":3072,"intermediate_size":8192,"max_position_embeddings":131072,"model_type":"phi3","num_attention_heads":32,"num_hidden_layers":32,
        "num_key_value_heads":32,"original_max_position_embeddings":4096,"pad_token_id":32000,"resid_pdrop":0.0,"rms_norm_eps":1e-05,
        "rope_scaling":{"long_factor":[{{Factors(1.03, 1.33)}}],"short_factor":[{{Factors(1.05, 0.04)}}],"type":"su"},"rope_theta":10000.0,
        "sliding_window":262144,"tie_word_embeddings":false,"torch_dtype":"bfloat16","use_cache":true,"vocab_size":32020}
        """);

    public static string InternVl2_26B { get; } = InternVl(Vit6B, "internlm2-chat", """
        {"architectures":["InternLM2ForCausalLM"],"bias":false,"bos_token_id":1,"eos_token_id":2,"hidden_act":"silu","hidden_size":6144,
        "intermediate_size":16384,"max_position_embeddings":32768,"model_type":"internlm2","num_attention_heads":48,"num_hidden_layers":48,
        "num_key_value_heads":8,"pad_token_id":2,"rms_norm_eps":1e-05,"rope_scaling":{"factor":3.0,"type":"dynamic"},"rope_theta":1000000,
        "tie_word_embeddings":false,"torch_dtype":"bfloat16","use_cache":true,"vocab_size":92553}
        """);

    public static string InternVl2_40B { get; } = InternVl(Vit6B, "Hermes-2", """
        {"architectures":["LlamaForCausalLM"],"attention_bias":false,"attention_dropout":0.0,"bos_token_id":1,"eos_token_id":7,"hidden_act":"silu",
        "hidden_size":7168,"intermediate_size":20480,"max_position_embeddings":4096,"mlp_bias":false,"model_type":"llama","num_attention_heads":56,
        "num_hidden_layers":60,"num_key_value_heads":8,"pretraining_tp":1,"rms_norm_eps":1e-05,"rope_scaling":null,"rope_theta":5000000.0,
        "tie_word_embeddings":false,"torch_dtype":"bfloat16","use_cache":true,"vocab_size":64009}
        """);

    public static string InternVl2_76B { get; } = InternVl(Vit6B, "internlm2-chat", """
        {"architectures":["LlamaForCausalLM"],"attention_bias":false,"attention_dropout":0.0,"bos_token_id":128000,"eos_token_id":128003,"hidden_act":"silu",
        "hidden_size":8192,"intermediate_size":28672,"max_position_embeddings":8192,"mlp_bias":false,"model_type":"llama","num_attention_heads":64,
        "num_hidden_layers":80,"num_key_value_heads":8,"pretraining_tp":1,"rms_norm_eps":1e-05,"rope_scaling":null,"rope_theta":500000.0,
        "tie_word_embeddings":false,"torch_dtype":"bfloat16","use_cache":true,"vocab_size":128265}
        """);

    public static string Qwen2Vl_2B { get; } = Qwen2Vl(1536, 8960, 12, 28, 2, 151936, tied: true);

    public static string Qwen2Vl_72B { get; } = Qwen2Vl(8192, 29568, 64, 80, 8, 152064, tied: false);

    /// <summary>As newer transformers write it: text in an object of its own, what equals the class default (all of the 72B) left out.</summary>
    public static string Qwen2Vl_72B_SavedAgain { get; } = """
        {"architectures":["Qwen2VLForConditionalGeneration"],"image_token_id":151655,"model_type":"qwen2_vl","tie_word_embeddings":false,"dtype":"bfloat16",
        "text_config":{"bos_token_id":151643,"eos_token_id":151645,"model_type":"qwen2_vl_text","rms_norm_eps":1e-06,
        "rope_parameters":{"mrope_section":[16,24,24],"rope_theta":1000000.0,"rope_type":"default","type":"default"}},
        "video_token_id":151656,"vision_config":{"hidden_size":8192,"in_chans":3,"model_type":"qwen2_vl","spatial_patch_size":14},
        "vision_end_token_id":151653,"vision_start_token_id":151652,"vision_token_id":151654}
        """;

    public static string LlavaOv_05B { get; } = LlavaOv("""
        {"architectures":["Qwen2ForCausalLM"],"bos_token_id":151643,"eos_token_id":151645,"hidden_size":896,"intermediate_size":4864,"max_window_layers":21,
        "model_type":"qwen2","num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,"rope_theta":1000000.0,"tie_word_embeddings":true,
        "torch_dtype":"bfloat16","vocab_size":152000}
        """);

    public static string LlavaOv_72B { get; } = LlavaOv("""
        {"architectures":["Qwen2ForCausalLM"],"bos_token_id":151643,"eos_token_id":151645,"hidden_size":8192,"intermediate_size":29568,"max_window_layers":80,
        "model_type":"qwen2","num_attention_heads":64,"num_hidden_layers":80,"num_key_value_heads":8,"rope_theta":1000000.0,"torch_dtype":"bfloat16",
        "vocab_size":152128}
        """);

    public static string LlavaOv_05B_Original { get; } = LlavaOriginal(896, 4864, 14, 24, 2, 151936, tied: true);

    public static string LlavaOv_72B_Original { get; } = LlavaOriginal(8192, 29568, 64, 80, 8, 152064, tied: false);

    private static string Pinpoints => string.Join(',', Enumerable.Range(0, 36).Select(i => $"[{384 * ((i / 6) + 1)},{384 * ((i % 6) + 1)}]"));

    private static string InternVl(string vision, string template, string text) => $$"""
        {"_commit_hash":null,"architectures":["InternVLChatModel"],"downsample_ratio":0.5,"dynamic_image_size":true,"force_image_size":448,
        "llm_config":{{text}},"max_dynamic_patch":12,"min_dynamic_patch":1,"model_type":"internvl_chat","pad2square":false,"ps_version":"v2","select_layer":-1,
        "template":"{{template}}","torch_dtype":"bfloat16","transformers_version":null,"use_backbone_lora":0,"use_llm_lora":0,"use_thumbnail":true,
        "vision_config":{{vision}}}
        """;

    private static string Qwen2Vl(int hidden, int inner, int heads, int layers, int kv, int vocabulary, bool tied) => $$"""
        {"architectures":["Qwen2VLForConditionalGeneration"],"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,
        "vision_start_token_id":151652,"vision_end_token_id":151653,"vision_token_id":151654,"image_token_id":151655,"video_token_id":151656,
        "hidden_act":"silu","hidden_size":{{hidden}},"initializer_range":0.02,"intermediate_size":{{inner}},"max_position_embeddings":32768,
        "max_window_layers":{{layers}},"model_type":"qwen2_vl","num_attention_heads":{{heads}},"num_hidden_layers":{{layers}},"num_key_value_heads":{{kv}},
        "rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,"tie_word_embeddings":{{(tied ? "true" : "false")}},"torch_dtype":"bfloat16",
        "transformers_version":"4.41.2","use_cache":true,"use_sliding_window":false,
        "vision_config":{"depth":32,"embed_dim":1280,"mlp_ratio":4,"num_heads":16,"in_chans":3,"hidden_size":{{hidden}},"patch_size":14,
        "spatial_merge_size":2,"spatial_patch_size":14,"temporal_patch_size":2},
        "rope_scaling":{"type":"mrope","mrope_section":[16,24,24]},"vocab_size":{{vocabulary}}}
        """;

    private static string LlavaOv(string text) => $$"""
        {"architectures":["LlavaOnevisionForConditionalGeneration"],"ignore_index":-100,"image_grid_pinpoints":[{{Pinpoints}}],"image_token_index":151646,
        "model_type":"llava_onevision","projector_hidden_act":"gelu","text_config":{{text}},"tie_word_embeddings":false,"torch_dtype":"float16",
        "use_image_newline_parameter":true,"video_token_index":151647,"vision_aspect_ratio":"anyres_max_9",
        "vision_config":{"hidden_size":1152,"image_size":384,"intermediate_size":4304,"model_type":"siglip_vision_model","num_attention_heads":16,
        "num_hidden_layers":26,"patch_size":14,"vision_use_head":false},"vision_feature_layer":-1,"vision_feature_select_strategy":"full"}
        """;

    private static string LlavaOriginal(int hidden, int inner, int heads, int layers, int kv, int vocabulary, bool tied) => $$"""
        {"architectures":["LlavaQwenForCausalLM"],"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,"hidden_act":"silu",
        "hidden_size":{{hidden}},"image_aspect_ratio":"anyres_max_9","image_crop_resolution":null,"image_grid_pinpoints":"(1x1),...,(6x6)",
        "image_split_resolution":null,"image_token_index":151646,"intermediate_size":{{inner}},"max_position_embeddings":32768,"mm_hidden_size":1152,
        "mm_newline_position":"one_token","mm_patch_merge_type":"spatial_unpad","mm_projector_type":"mlp2x_gelu","mm_resampler_type":null,
        "mm_use_im_patch_token":false,"mm_use_im_start_end":false,"mm_vision_select_feature":"patch","mm_vision_select_layer":-2,
        "mm_vision_tower":"google/siglip-so400m-patch14-384","model_type":"llava","num_attention_heads":{{heads}},"num_hidden_layers":{{layers}},
        "num_key_value_heads":{{kv}},"rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":1000000.0,"sliding_window":32768,
        "tie_word_embeddings":{{(tied ? "true" : "false")}},"torch_dtype":"bfloat16","use_cache":true,"use_sliding_window":false,"vocab_size":{{vocabulary}}}
        """;

    private static string Factors(double first, double step) => FormattableString.Invariant($"{string.Join(",", Enumerable.Range(0, 48).Select(i => FormattableString.Invariant($"{first + (step * i):F4}")))}");
}
