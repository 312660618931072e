"""Sizes of the two models, as the config.json of an InternVL2 checkpoint."""
from .vocabulary import TILE

SYSTEM_MESSAGE = "You answer questions about an image."


def _vision(hidden, layers, heads, inner, big):
    return {
        "architectures": ["InternVisionModel"], "attention_dropout": 0.0, "drop_path_rate": 0.0, "dropout": 0.0,
        "hidden_act": "gelu", "hidden_size": hidden, "image_size": TILE, "initializer_factor": 1.0,
        "initializer_range": 0.02, "intermediate_size": inner, "layer_norm_eps": 1e-06,
        "model_type": "intern_vit_6b", "norm_type": "rms_norm" if big else "layer_norm",
        "num_attention_heads": heads, "num_channels": 3, "num_hidden_layers": layers, "patch_size": 14,
        "qk_normalization": big, "qkv_bias": not big, "torch_dtype": "bfloat16", "use_flash_attn": True,
    }


def _language(hidden, layers, heads, kv_heads, inner):
    return {
        "architectures": ["InternLM2ForCausalLM"], "attn_implementation": "eager", "bias": False, "bos_token_id": 1,
        "eos_token_id": 2, "hidden_act": "silu", "hidden_size": hidden, "initializer_range": 0.02,
        "intermediate_size": inner, "max_position_embeddings": 2048, "model_type": "internlm2",
        "num_attention_heads": heads, "num_hidden_layers": layers, "num_key_value_heads": kv_heads, "pad_token_id": 2,
        "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 2.0, "type": "dynamic"}, "rope_theta": 1000000,
        "tie_word_embeddings": False, "torch_dtype": "bfloat16", "use_cache": True, "vocab_size": 0,
    }


def _model(vision, language):
    return {
        "architectures": ["InternVLChatModel"], "downsample_ratio": 0.5, "dynamic_image_size": True,
        "force_image_size": TILE, "llm_config": language, "max_dynamic_patch": 12, "min_dynamic_patch": 1,
        "model_type": "internvl_chat", "pad2square": False, "ps_version": "v2", "select_layer": -1,
        "system_message": SYSTEM_MESSAGE, "template": "internlm2-chat", "torch_dtype": "bfloat16",
        "use_backbone_lora": 0, "use_llm_lora": 0, "use_thumbnail": True, "vision_config": vision,
    }


def model_config(size):
    """config.json of "small" (InternViT-300M style) or "large" (InternViT-6B style), vocab_size still to be set."""
    if size == "small":
        return _model(_vision(96, 3, 4, 192, big=False), _language(128, 4, 8, 4, 256))
    if size == "large":
        return _model(_vision(128, 4, 4, 256, big=True), _language(160, 8, 8, 4, 320))
    raise ValueError(f"size must be small or large, not {size!r}")
