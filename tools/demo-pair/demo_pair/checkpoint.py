"""Checkpoint folders in the hub's InternVL2 layout: write and read."""
import json
import os
import struct

import numpy as np
import torch

from .language import LanguageModel
from .tokenizer import Tokenizer
from .vision import VisionTower


def _write_json(folder, name, content):
    with open(os.path.join(folder, name), "w") as f:
        json.dump(content, f, indent=2)
        f.write("\n")


def write_safetensors(path, tensors):
    """Tensors are stored as bfloat16."""
    header, offset, parts = {"__metadata__": {"format": "pt"}}, 0, []
    for name in sorted(tensors):
        raw = tensors[name].detach().to(torch.bfloat16).contiguous().view(torch.int16).numpy().tobytes()
        header[name] = {"dtype": "BF16", "shape": list(tensors[name].shape), "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        parts.append(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)))
        f.write(text)
        for raw in parts:
            f.write(raw)


def read_safetensors(path):
    """bfloat16 tensors of a file, as float32."""
    with open(path, "rb") as f:
        raw = f.read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    out = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + o for o in entry["data_offsets"])
        bits = torch.from_numpy(np.frombuffer(raw[begin:end], np.int16).copy())
        out[name] = bits.view(torch.bfloat16).float().view(entry["shape"])
    return out


def write_folder(folder, config, tower, language):
    """Writes all but the tokenizer's files."""
    os.makedirs(folder, exist_ok=True)
    tensors = {**tower.state_dict(), **{"language_model." + k: v for k, v in language.state_dict().items()}}
    write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
    _write_json(folder, "config.json", config)
    with open(os.path.join(folder, "added_tokens.json")) as f:
        end = json.load(f)["<|im_end|>"]
    _write_json(folder, "generation_config.json", {"_from_model_config": True, "eos_token_id": [end, 2]})
    _write_json(folder, "preprocessor_config.json", {
        "crop_size": config["force_image_size"], "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225], "resample": 3, "size": config["force_image_size"]})


class LoadedModel:
    """One loaded model with greedy answers."""

    def __init__(self, folder):
        with open(os.path.join(folder, "config.json")) as f:
            self.config = json.load(f)
        self.tokenizer = Tokenizer(folder)
        self.tower, self.language = VisionTower(self.config), LanguageModel(self.config["llm_config"])
        tensors = read_safetensors(os.path.join(folder, "model.safetensors"))
        prefix = "language_model."
        self.language.load_state_dict({k[len(prefix):]: v for k, v in tensors.items() if k.startswith(prefix)})
        self.tower.load_state_dict({k: v for k, v in tensors.items() if not k.startswith(prefix)})
        self.prefix = torch.tensor(self.tokenizer.prefix())

    @torch.no_grad()
    def visual(self, pixels):
        """float [T, 3, h, w] -> [1, T * 16, hidden]."""
        return self.tower(torch.from_numpy(pixels)).flatten(0, 1)[None]

    @torch.no_grad()
    def greedy(self, visual, questions, limit=16):
        """Per question: generated ids (end token included) and the logits of each step."""
        prompts = [self.tokenizer.question(q) for q in questions]
        generated, logits = [[] for _ in questions], [[] for _ in questions]
        for _ in range(limit):
            open_ones = [i for i, ids in enumerate(generated) if not ids or ids[-1] != self.tokenizer.end]
            if not open_ones:
                break
            rows = [prompts[i] + generated[i] for i in open_ones]
            ids = torch.zeros(1, len(rows), max(map(len, rows)), dtype=torch.long)
            for row, tokens in enumerate(rows):
                ids[0, row, :len(tokens)] = torch.tensor(tokens)
            states, = self.language(self.prefix, visual, [ids])
            for row, i in enumerate(open_ones):
                scores = self.language.output(states[0, row, len(rows[row]) - 1])
                logits[i].append(scores)
                allowed = scores.clone()
                if not generated[i]:
                    allowed[self.tokenizer.end] = float("-inf")     # min_new_tokens = 1
                generated[i].append(int(allowed.argmax()))
        return generated, logits
