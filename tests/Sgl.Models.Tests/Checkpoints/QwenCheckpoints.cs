using Sgl.TestKit;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>Qwen2.5-VL and Qwen3-VL as the hub has them: config.json, and names and shapes of the specification, written down without looking at the code under test.</summary>
internal static class QwenCheckpoints
{
    /// <summary>Names with the published number of parameters in billions.</summary>
    public static IReadOnlyDictionary<string, double> Billions { get; } = new Dictionary<string, double>
    {
        ["Qwen2.5-VL-3B"] = 3.755,
        ["Qwen2.5-VL-7B"] = 8.292,
        ["Qwen2.5-VL-32B"] = 33.453,
        ["Qwen2.5-VL-72B"] = 73.411,
        ["Qwen2.5-VL-72B saved again"] = 73.411,
        ["Qwen2.5-VL-3B saved again"] = 3.755,
        ["Qwen3-VL-2B"] = 2.128,
        ["Qwen3-VL-4B"] = 4.438,
        ["Qwen3-VL-8B"] = 8.767,
        ["Qwen3-VL-32B"] = 33.357,
        ["Qwen3-VL-8B saved again"] = 8.767,
    };

    public static (string Config, SpecTensors Tensors) Describe(string name) => name switch
    {
        "Qwen2.5-VL-3B" => (Config25(2048, 11008, 16, 36, 2, 151936, 3420, tied: true), Tensors25(new(36, 2048, 16, 2, 11008, 151936), 3420, tied: true)),
        "Qwen2.5-VL-7B" => (Config25(3584, 18944, 28, 28, 4, 152064, 3420), Tensors25(new(28, 3584, 28, 4, 18944, 152064), 3420)),
        "Qwen2.5-VL-32B" => (Config25(5120, 27648, 40, 64, 8, 152064, 3456), Tensors25(new(64, 5120, 40, 8, 27648, 152064), 3456)),
        "Qwen2.5-VL-72B" => (Config25(8192, 29568, 64, 80, 8, 152064, 3456), Tensors25(new(80, 8192, 64, 8, 29568, 152064), 3456)),
        "Qwen2.5-VL-72B saved again" => (Again72B, Tensors25(new(80, 8192, 64, 8, 29568, 152064), 3456, again: true)),
        "Qwen2.5-VL-3B saved again" => (Again3B, Tensors25(new(36, 2048, 16, 2, 11008, 151936), 3420, tied: true, again: true)),
        "Qwen3-VL-2B" => (Config3(2048, 6144, 16, 28, Small, tied: true), Tensors3(new(28, 2048, 16, 8, 6144, 151936), Small, tied: true)),
        "Qwen3-VL-4B" => (Config3(2560, 9728, 32, 36, Small, tied: true), Tensors3(new(36, 2560, 32, 8, 9728, 151936), Small, tied: true)),
        "Qwen3-VL-8B" => (Config3(4096, 12288, 32, 36, Large), Tensors3(new(36, 4096, 32, 8, 12288, 151936), Large)),
        "Qwen3-VL-32B" => (Config3(5120, 25600, 64, 64, Large), Tensors3(new(64, 5120, 64, 8, 25600, 151936), Large)),
        "Qwen3-VL-8B saved again" => (Again8B, Tensors3(new(36, 4096, 32, 8, 12288, 151936), Large)),
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };

    private sealed record Text(int Layers, long Hidden, long Heads, long Kv, long Inner, long Vocabulary);

    private sealed record Tower(int Depth, long Width, long Inner, int[] DeepStack);

    private static Tower Small { get; } = new(24, 1024, 4096, [5, 11, 17]);

    private static Tower Large { get; } = new(27, 1152, 4304, [8, 16, 24]);

    private static string Config25(int hidden, int inner, int heads, int layers, int kv, int vocabulary, int towerInner, bool tied = false) => $$"""
        {"architectures":["Qwen2_5_VLForConditionalGeneration"],"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,
        "vision_start_token_id":151652,"vision_end_token_id":151653,"vision_token_id":151654,"image_token_id":151655,"video_token_id":151656,
        "hidden_act":"silu","hidden_size":{{hidden}},"initializer_range":0.02,"intermediate_size":{{inner}},"max_position_embeddings":128000,
        "max_window_layers":{{layers}},"model_type":"qwen2_5_vl","num_attention_heads":{{heads}},"num_hidden_layers":{{layers}},"num_key_value_heads":{{kv}},
        "rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,"tie_word_embeddings":{{(tied ? "true" : "false")}},"torch_dtype":"bfloat16",
        "transformers_version":"4.41.2","use_cache":true,"use_sliding_window":false,
        "vision_config":{"depth":32,"hidden_act":"silu","hidden_size":1280,"intermediate_size":{{towerInner}},"num_heads":16,"in_chans":3,
        "out_hidden_size":{{hidden}},"patch_size":14,"spatial_merge_size":2,"spatial_patch_size":14,"window_size":112,"fullatt_block_indexes":[7,15,23,31],
        "tokens_per_second":2,"temporal_patch_size":2},
        "rope_scaling":{"type":"mrope","mrope_section":[16,24,24]},"vocab_size":{{vocabulary}}}
        """;

    /// <summary>What equals the class default (all of the 72B's sizes) is left out, but for the layer count that a test changes.</summary>
    private static string Again72B => """
        {"architectures":["Qwen2_5_VLForConditionalGeneration"],"image_token_id":151655,"model_type":"qwen2_5_vl","tie_word_embeddings":false,"dtype":"bfloat16",
        "text_config":{"bos_token_id":151643,"eos_token_id":151645,"model_type":"qwen2_5_vl_text","max_position_embeddings":128000,"rms_norm_eps":1e-06,
        "rope_parameters":{"mrope_section":[16,24,24],"rope_theta":1000000.0,"rope_type":"default","type":"default"}},
        "video_token_id":151656,"vision_config":{"hidden_size":1280,"intermediate_size":3456,"model_type":"qwen2_5_vl","out_hidden_size":8192,"tokens_per_second":2},
        "vision_end_token_id":151653,"vision_start_token_id":151652,"vision_token_id":151654}
        """;

    /// <summary>The flat keys of the published file are still there, stale; the nested object wins, and the top level's tie flag.</summary>
    private static string Again3B => """
        {"architectures":["Qwen2_5_VLForConditionalGeneration"],"image_token_id":151655,"model_type":"qwen2_5_vl","tie_word_embeddings":true,"dtype":"bfloat16",
        "hidden_size":1,"num_hidden_layers":1,"num_attention_heads":1,
        "text_config":{"bos_token_id":151643,"eos_token_id":151645,"hidden_size":2048,"intermediate_size":11008,"max_position_embeddings":128000,
        "model_type":"qwen2_5_vl_text","num_attention_heads":16,"num_hidden_layers":36,"num_key_value_heads":2,"rms_norm_eps":1e-06,"sliding_window":null,
        "rope_parameters":{"mrope_section":[16,24,24],"rope_theta":1000000.0,"rope_type":"default"},"vocab_size":151936},
        "video_token_id":151656,"vision_config":{"depth":32,"hidden_size":1280,"in_channels":3,"model_type":"qwen2_5_vl","out_hidden_size":2048},
        "vision_end_token_id":151653,"vision_start_token_id":151652}
        """;

    private static string Config3(int hidden, int inner, int heads, int layers, Tower tower, bool tied = false) => $$"""
        {"architectures":["Qwen3VLForConditionalGeneration"],"image_token_id":151655,"model_type":"qwen3_vl",
        "text_config":{"attention_bias":false,"attention_dropout":0.0,"bos_token_id":151643,"dtype":"bfloat16","eos_token_id":151645,"head_dim":128,
        "hidden_act":"silu","hidden_size":{{hidden}},"initializer_range":0.02,"intermediate_size":{{inner}},"max_position_embeddings":262144,
        "model_type":"qwen3_vl_text","num_attention_heads":{{heads}},"num_hidden_layers":{{layers}},"num_key_value_heads":8,"rms_norm_eps":1e-06,
        "rope_scaling":{"mrope_interleaved":true,"mrope_section":[24,20,20],"rope_type":"default"},"rope_theta":5000000,
        "tie_word_embeddings":{{(tied ? "true" : "false")}},"use_cache":true,"vocab_size":151936},
        "tie_word_embeddings":{{(tied ? "true" : "false")}},"transformers_version":"4.57.0.dev0","video_token_id":151656,
        "vision_config":{"deepstack_visual_indexes":[{{string.Join(',', tower.DeepStack)}}],"depth":{{tower.Depth}},"hidden_act":"gelu_pytorch_tanh",
        "hidden_size":{{tower.Width}},"in_channels":3,"initializer_range":0.02,"intermediate_size":{{tower.Inner}},"model_type":"qwen3_vl","num_heads":16,
        "num_position_embeddings":2304,"out_hidden_size":{{hidden}},"patch_size":16,"spatial_merge_size":2,"temporal_patch_size":2},
        "vision_end_token_id":151653,"vision_start_token_id":151652}
        """;

    /// <summary>Class defaults left out: most of the tower's sizes, theta and the sections' order.</summary>
    private static string Again8B => """
        {"architectures":["Qwen3VLForConditionalGeneration"],"dtype":"bfloat16","image_token_id":151655,"model_type":"qwen3_vl",
        "text_config":{"bos_token_id":151643,"eos_token_id":151645,"head_dim":128,"intermediate_size":12288,"max_position_embeddings":262144,
        "model_type":"qwen3_vl_text","num_hidden_layers":36,"num_key_value_heads":8,
        "rope_parameters":{"mrope_interleaved":true,"mrope_section":[24,20,20],"rope_theta":5000000,"rope_type":"default"}},
        "tie_word_embeddings":false,"transformers_version":"5.0.0","video_token_id":151656,
        "vision_config":{"model_type":"qwen3_vl_vision","out_hidden_size":4096,"rope_parameters":{"rope_theta":10000.0,"rope_type":"axial"}},
        "vision_end_token_id":151653,"vision_start_token_id":151652}
        """;

    private static SpecTensors Tensors25(Text text, long inner, bool tied = false, bool again = false) =>
        new SpecTensors().Qwen25VlVisual(again ? "model.visual." : "visual.", 1280, 32, inner, text.Hidden).Separate(
            again ? "model.language_model." : "model.", tied ? null : "lm_head.weight", text.Layers, text.Hidden, text.Heads, text.Kv, 128, text.Inner, text.Vocabulary, bias: true);

    private static SpecTensors Tensors3(Text text, Tower tower, bool tied = false) =>
        new SpecTensors().Qwen3VlVisual("model.visual.", tower.Width, tower.Depth, tower.Inner, text.Hidden, tower.DeepStack.Length).Separate(
            "model.language_model.", tied ? null : "lm_head.weight", text.Layers, text.Hidden, text.Heads, text.Kv, 128, text.Inner, text.Vocabulary, bias: false, norms: true);
}
