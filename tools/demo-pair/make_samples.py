"""Draws the sample pages of the demo.

The pages are held out, but chosen: of some candidates for each file the one is kept whose first question the small
model answers best and whose second question the small model is unsure of while the large model is right; questions
with the answer 0 or 1 are passed over. So the samples show both exits and escalations; they are no measure of accuracy
(evaluate.py is).
"""
import argparse
import json
import os

import numpy as np
import torch
from PIL import Image

from demo_pair.checkpoint import LoadedModel
from demo_pair.heldout import FIRST_SEED, is_right
from demo_pair.pages import PageFactory
from demo_pair.questions import pick, questions_of
from demo_pair.tiling import normalize, tiles_of
from evaluate import answers

SEED = FIRST_SEED + (1 << 30)
JPEG, WEBP = {"quality": 95, "subsampling": 0}, {"quality": 95, "method": 6}

# file, tile grid, how to save, kind of the sure question, kind of the unsure one
WANTED = [
    ("codes.png", (2, 2), {}, "text", "text"),
    ("shapes.jpg", (2, 2), JPEG, "color_shape", "count"),
    ("chart.webp", (2, 2), WEBP, "chart", "chart"),
    ("wide.png", (3, 2), {}, "text", "position"),
    ("tall.jpg", (2, 3), JPEG, "position", "count"),
    ("square.webp", (3, 3), WEBP, "color_shape", "text"),
    ("large.png", (4, 3), {}, "chart", "text"),
    ("large.jpg", (3, 4), JPEG, "count", "position"),
]


def judged(image, pool, kind, models, rng):
    """(question, how well it serves as the sure one, how well as the unsure one) for one question of a kind."""
    question = pick(pool, kind, rng)
    if question is None:
        return None, -9.0, -9.0
    pixels = normalize(tiles_of(image))
    small, large = (answers(model, pixels, [question])[0] for model in models)
    small_right, large_right = is_right(question, small[0]), is_right(question, large[0])
    return question, small[1] if small_right else -1.0, (1 - small[1] if large_right else -1.0) + (not small_right) * 0.2


def choose(path, factory, saving, kinds, models, candidates, seed, judged=judged, questions_of=questions_of):
    """Writes the best of the factory's pages to path and returns its sure and its unsure question."""
    rng = np.random.default_rng(seed)
    best, kept = -99.0, None
    for _ in range(candidates):
        page = factory.draw()
        pool = questions_of(page)
        Image.fromarray(page.pixels).save(path, **saving)
        with Image.open(path) as image:
            first, wish, _ = judged(image, pool, kinds[0], models, rng)
            second, _, other = judged(image, pool, kinds[1], models, rng)
        told = [q for q in (first, second) if q is not None and q.answer not in ("0", "1")]
        if len(told) == 2 and first != second and wish + other > best:
            best, kept = wish + other, (page, [first, second])
    page, questions = kept
    Image.fromarray(page.pixels).save(path, **saving)
    return questions


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="../../models")
    parser.add_argument("--out", default="../../samples")
    parser.add_argument("--candidates", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    models = [LoadedModel(f"{options.models}/sgl-demo-{size}") for size in ("small", "large")]
    os.makedirs(options.out, exist_ok=True)
    with open(os.path.join(options.out, "questions.jsonl"), "w") as f:
        for number, (name, grid, saving, *kinds) in enumerate(WANTED):
            path, seed = os.path.join(options.out, name), SEED + number
            for question in choose(path, PageFactory(seed, grids=[(grid, 1.0)]), saving, kinds, models, options.candidates, seed):
                f.write(json.dumps({"image": name, "question": question.text,
                                    "answer": question.exact or question.answer, "kind": question.kind}) + "\n")


if __name__ == "__main__":
    main()
