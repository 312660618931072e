"""Draws the sample documents of the demo, in layouts and faces that training never draws.

    python3 -m document_pair.make_samples --models DIR --out DIR

The pages are chosen as those of the first pair are (make_samples.py): of some candidates for each file the one is kept whose first question the small model answers surely and right,
and whose second it gets wrong, or is unsure of, while the large model is right. They are no measure of accuracy. A file that `sgl demo`, which prunes, does not answer as planned is drawn
anew with --only FILE --seed N.
"""
import argparse
import json
import os

import torch

from demo_pair.checkpoint import LoadedModel
from demo_pair.heldout import is_right
from demo_pair.tiling import normalize, tiles_of
from evaluate import answers
from make_samples import choose

from .heldout import FIRST_SEED
from .pages import PageFactory
from .questions import pick, questions_of
from .vocabulary import TILE

SEED = FIRST_SEED + (1 << 30)
UNSURE = 0.55           # the small model's confidence in its second answer, at most: the demo's threshold must send it on
PHOTO, WEBP = {"quality": 88, "subsampling": 2}, {"quality": 90, "method": 6}

# file, family, tile grid, how to save, kind of the sure question, kind of the unsure one
WANTED = [
    ("receipt.jpg", "receipt", (1, 3), PHOTO, "text", "text"),
    ("form.png", "form", (2, 2), {}, "yes_no", "text"),
    ("table.png", "table", (3, 2), {}, "table", "table"),
    ("chart.webp", "chart", (2, 2), WEBP, "chart", "chart"),
    ("screen.png", "screen", (3, 2), {}, "color", "position"),
    ("signs.jpg", "sign", (2, 2), PHOTO, "text", "count"),
    ("shapes.webp", "scene", (2, 2), WEBP, "color", "count"),
    ("desk.jpg", None, (4, 2), PHOTO, "text", "position"),
]


def judged(image, pool, kind, models, rng):
    """(question, how well it serves as the sure one, how well as the unsure one) for one question of a kind."""
    question = pick(pool, kind, rng)
    if question is None:
        return None, -9.0, -9.0
    pixels = normalize(tiles_of(image, TILE))
    small, large = (answers(model, pixels, [question])[0] for model in models)
    small_right, large_right = is_right(question, small[0]), is_right(question, large[0])
    sure = small[1] if small_right and large_right else -1.0
    return question, sure, (1 - small[1] if large_right and small[1] <= UNSURE else -1.0) + (not small_right) * 0.3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True, help="folder of the exported models, small and large")
    parser.add_argument("--out", required=True)
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--only", default="", help="files to draw anew, separated by commas")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    models = [LoadedModel(os.path.join(options.models, size)) for size in ("small", "large")]
    os.makedirs(options.out, exist_ok=True)
    listed, lines = os.path.join(options.out, "questions.jsonl"), []
    if os.path.exists(listed):
        with open(listed) as f:
            lines = [json.loads(line) for line in f]
    with open(listed, "w") as f:
        for number, (name, family, grid, saving, *kinds) in enumerate(WANTED):
            told = [line for line in lines if line["image"] == name]
            if not options.only or name in options.only.split(","):
                path, seed = os.path.join(options.out, name), SEED + number + 1000 * options.seed
                factory = PageFactory(seed, grids=[(grid, 1.0)], held_out_layouts=True, held_out_fonts=True, family=family)
                told = [{"image": name, "question": q.text, "answer": q.exact or q.answer, "kind": q.kind}
                        for q in choose(path, factory, saving, kinds, models, options.candidates, seed, judged, questions_of)]
                print(f"{path}: {os.path.getsize(path) / 1e3:.0f} kB", flush=True)
            f.writelines(json.dumps(line) + "\n" for line in told)


if __name__ == "__main__":
    main()
