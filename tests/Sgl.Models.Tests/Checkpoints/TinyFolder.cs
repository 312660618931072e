using System.Text.Json.Nodes;
using Sgl.TestKit;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>A sound InternVL2 folder of a few kilobytes, to be broken in one way by each test.</summary>
internal sealed class TinyFolder : IDisposable
{
    private readonly TestFolder _folder = new();

    public JsonObject Config { get; } = JsonNode.Parse("""
        {"architectures":["InternVLChatModel"],"model_type":"internvl_chat","downsample_ratio":0.5,"dynamic_image_size":true,"force_image_size":56,
        "min_dynamic_patch":1,"max_dynamic_patch":12,"ps_version":"v2","select_layer":-1,"template":"internlm2-chat","use_thumbnail":true,"torch_dtype":"bfloat16",
        "llm_config":{"architectures":["InternLM2ForCausalLM"],"bias":false,"eos_token_id":2,"hidden_act":"silu","hidden_size":16,"intermediate_size":24,
        "max_position_embeddings":2048,"num_attention_heads":4,"num_hidden_layers":2,"num_key_value_heads":2,"rms_norm_eps":1e-05,
        "rope_scaling":{"factor":2.0,"type":"dynamic"},"rope_theta":1000000,"vocab_size":32},
        "vision_config":{"hidden_act":"gelu","hidden_size":8,"image_size":56,"intermediate_size":12,"layer_norm_eps":1e-06,"norm_type":"layer_norm",
        "num_attention_heads":2,"num_channels":3,"num_hidden_layers":1,"patch_size":14,"qk_normalization":false,"qkv_bias":true}}
        """)!.AsObject();

    public SpecTensors Tensors { get; set; } = new SpecTensors().InternVit(8, 12, 1, 17, sixB: false, 16).InternLm2(2, 16, 4, 2, 4, 24, 32);

    public JsonObject Text => Config["llm_config"]!.AsObject();

    public JsonObject Vision => Config["vision_config"]!.AsObject();

    public TestFolder Files => _folder;

    public static SpecTensors Decoder(DecoderArchitecture architecture) => architecture switch
    {
        DecoderArchitecture.InternLm2 => new SpecTensors().InternLm2(2, 16, 4, 2, 4, 24, 32),
        DecoderArchitecture.Phi3 => new SpecTensors().Phi3(2, 16, 4, 4, 4, 24, 32),
        _ => new SpecTensors().Separate("language_model.model.", "language_model.lm_head.weight", 2, 16, 4, 2, 4, 24, 32, architecture == DecoderArchitecture.Qwen2),
    };

    public TinyFolder Use(DecoderArchitecture architecture)
    {
        Tensors = new SpecTensors().InternVit(8, 12, 1, 17, sixB: false, 16);
        Tensors.AddRange(Decoder(architecture));
        Text["architectures"] = new JsonArray($"{(architecture == DecoderArchitecture.InternLm2 ? "InternLM2" : architecture.ToString())}ForCausalLM");
        Text["rope_scaling"] = null;
        if (architecture == DecoderArchitecture.Phi3)
        {
            Text["num_key_value_heads"] = 4;
        }

        return this;
    }

    /// <summary>Writes config.json and model.safetensors.</summary>
    public TinyFolder Write()
    {
        _folder.Json("config.json", Config).Weights("model.safetensors", Tensors);
        return this;
    }

    public Checkpoint Open() => Checkpoint.Open(_folder.Path);

    public CheckpointException OpenFails() => Assert.Throws<CheckpointException>(() => Checkpoint.Open(_folder.Path).Dispose());

    public void Dispose() => _folder.Dispose();
}
