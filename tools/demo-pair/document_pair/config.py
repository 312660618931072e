"""Sizes of the two models, as the config.json of an InternVL2 checkpoint."""
import copy

from demo_pair import config

from .vocabulary import TILE

LARGE_LAYERS = 24


def model_config(size, layers=None):
    """config.json of "small" or "large", vocab_size still to be set; layers in place of the language model's own number."""
    made = copy.deepcopy(config.model_config(size))
    if size == "small":
        made["vision_config"].update(hidden_size=96, num_hidden_layers=4, intermediate_size=256)
        made["llm_config"].update(hidden_size=112, num_hidden_layers=5, intermediate_size=256)
    else:
        made["vision_config"].update(hidden_size=128, num_hidden_layers=5, intermediate_size=320)
        made["llm_config"].update(hidden_size=128, num_hidden_layers=LARGE_LAYERS, intermediate_size=256)
    # Heads as wide as they can be: the two fastest rotations of a head say nothing about content, and values narrower than the hidden state cannot copy a token.
    made["llm_config"].update(num_attention_heads=4, num_key_value_heads=4)
    if layers:
        made["llm_config"]["num_hidden_layers"] = layers
    made["force_image_size"] = made["vision_config"]["image_size"] = TILE
    return made
