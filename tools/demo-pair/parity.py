"""Writes what PyTorch computes for sample questions, so that another engine can be compared with it."""
import argparse
import hashlib
import json
import os

import torch
from PIL import Image

from demo_pair.checkpoint import LoadedModel
from demo_pair.tiling import closest_grid, normalize, tiles_of


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def record(model, samples, sample):
    image = Image.open(os.path.join(samples, sample["image"]))
    side = model.config["force_image_size"]
    tiles = tiles_of(image, side)
    pixels = normalize(tiles)
    visual = model.visual(pixels)
    (ids,), (logits,) = model.greedy(visual, [sample["question"]])
    prefix, suffix = model.tokenizer.prefix(), model.tokenizer.question(sample["question"])
    chosen = [steps.log_softmax(-1)[i].item() for i, steps in zip(ids, logits)]
    return {
        "image": sample["image"], "question": sample["question"], "kind": sample["kind"],
        "grid_columns_rows": list(closest_grid(*image.size, side)), "tiles": len(tiles),
        "tiles_u8_sha256": digest(tiles), "pixel_sum": round(float(pixels.astype("float64").sum()), 3),
        "prompt_ids_before_visual": prefix, "visual_tokens": visual.shape[1],
        "visual_token_id": model.tokenizer.context, "prompt_ids_after_visual": suffix,
        "prompt_length": len(prefix) + visual.shape[1] + len(suffix),
        "visual_first_token": [round(v, 5) for v in visual[0, 0, :8].tolist()],
        "visual_last_token": [round(v, 5) for v in visual[0, -1, :8].tolist()],
        "first_logits": [round(v, 4) for v in logits[0].tolist()],
        "generated_ids": ids, "answer": model.tokenizer.decode(ids), "log_probabilities": [round(c, 5) for c in chosen],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="../../models")
    parser.add_argument("--samples", default="../../samples")
    parser.add_argument("--pair", default="sgl-demo", help="models' names without their sizes")
    parser.add_argument("--questions", type=int, default=6)
    parser.add_argument("--out", default="../../models/parity.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with open(os.path.join(options.samples, "questions.jsonl")) as f:
        samples = [json.loads(line) for line in f]
    # Spread over the kinds and images of the samples.
    step = max(1, len(samples) // options.questions)
    chosen = samples[::step][:options.questions]
    result = {"note": "float32 arithmetic on the exported bfloat16 weights; pixels are float32 NCHW in tile order; "
                      "tiles_u8_sha256 is over the RGB bytes [tiles, side, side, 3] before normalisation"}
    for size in ("small", "large"):
        model = LoadedModel(f"{options.models}/{options.pair}-{size}")
        result[f"{options.pair}-{size}"] = [record(model, options.samples, sample) for sample in chosen]
    with open(options.out, "w") as f:
        json.dump(result, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
